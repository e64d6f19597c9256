//! [`Simd`] without intrinsics: four lanes, which compilers map to whatever vectors there are.

use crate::local::simd::Simd;

/// Plain Rust; every machine has it.
#[derive(Clone, Copy)]
pub(crate) struct Portable;

const LANES: usize = 4;
type V = [f32; LANES];

#[inline(always)]
fn each(f: impl Fn(usize) -> f32) -> V {
    [f(0), f(1), f(2), f(3)]
}

impl Simd for Portable {
    type V = V;
    type Words = [u32; LANES];
    const LANES: usize = LANES;
    const ROWS: usize = 6;
    const LEAST_EXPONENT: f32 = -127.0;

    #[inline(always)]
    unsafe fn new() -> Self {
        Self
    }

    #[inline(always)]
    fn splat(self, x: f32) -> V {
        [x; LANES]
    }

    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> V {
        // SAFETY: readable for four floats, says the caller; arrays of floats have their alignment.
        unsafe { from.cast::<V>().read() }
    }

    #[inline(always)]
    unsafe fn load_part(self, from: *const f32, count: usize) -> V {
        let mut v = [0.0; LANES];
        // SAFETY: readable for `count` floats, says the caller; `count` is at most `LANES`.
        unsafe { v.as_mut_ptr().copy_from_nonoverlapping(from, count) };
        v
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32, v: V) {
        // SAFETY: writable for four floats, says the caller.
        unsafe { to.cast::<V>().write(v) };
    }

    #[inline(always)]
    unsafe fn store_part(self, to: *mut f32, count: usize, v: V) {
        // SAFETY: writable for `count` floats, says the caller; `count` is at most `LANES`.
        unsafe { to.copy_from_nonoverlapping(v.as_ptr(), count) };
    }

    #[inline(always)]
    unsafe fn load_columns(self, first: *const f32, step: usize) -> [V; 4] {
        // SAFETY: each row is readable for four floats, says the caller.
        let read: [V; 4] = [0, 1, 2, 3].map(|row| unsafe { self.load(first.add(row * step)) });
        [0, 1, 2, 3].map(|column| each(|row| read[row][column]))
    }

    #[inline(always)]
    fn add(self, a: V, b: V) -> V {
        each(|lane| a[lane] + b[lane])
    }

    #[inline(always)]
    fn sub(self, a: V, b: V) -> V {
        each(|lane| a[lane] - b[lane])
    }

    #[inline(always)]
    fn mul(self, a: V, b: V) -> V {
        each(|lane| a[lane] * b[lane])
    }

    #[inline(always)]
    fn div(self, a: V, b: V) -> V {
        each(|lane| a[lane] / b[lane])
    }

    #[inline(always)]
    fn min(self, a: V, b: V) -> V {
        each(|lane| if a[lane] < b[lane] { a[lane] } else { b[lane] })
    }

    #[inline(always)]
    fn max(self, a: V, b: V) -> V {
        each(|lane| if a[lane] > b[lane] { a[lane] } else { b[lane] })
    }

    #[inline(always)]
    fn fma(self, a: V, b: V, c: V) -> V {
        each(|lane| a[lane] * b[lane] + c[lane])
    }

    #[inline(always)]
    fn fnma(self, a: V, b: V, c: V) -> V {
        each(|lane| c[lane] - a[lane] * b[lane])
    }

    #[inline(always)]
    fn round(self, v: V) -> V {
        // 1.5 * 2^23: adding it leaves no bits for a fraction.
        const SHIFT: f32 = 12_582_912.0;
        each(|lane| (v[lane] + SHIFT) - SHIFT)
    }

    #[inline(always)]
    fn scale(self, v: V, n: V) -> V {
        each(|lane| v[lane] * f32::from_bits(((n[lane] as i32 + 127) as u32) << 23))
    }

    #[inline(always)]
    fn abs(self, v: V) -> V {
        each(|lane| v[lane].abs())
    }

    #[inline(always)]
    fn keep(self, v: V, low: isize, high: isize, other: V) -> V {
        each(|lane| if (low..high).contains(&(lane as isize)) { v[lane] } else { other[lane] })
    }

    #[inline(always)]
    fn sum(self, v: V) -> f32 {
        (v[0] + v[2]) + (v[1] + v[3])
    }

    #[inline(always)]
    fn greatest(self, v: V) -> f32 {
        v[0].max(v[1]).max(v[2].max(v[3]))
    }

    #[inline(always)]
    unsafe fn load_words(self, from: *const u8) -> [u32; LANES] {
        // SAFETY: the caller gives four readable words.
        unsafe { from.cast::<[u32; LANES]>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn splat_word(self, from: *const u8) -> [u32; LANES] {
        // SAFETY: the caller gives four readable bytes.
        [unsafe { from.cast::<u32>().read_unaligned() }; LANES]
    }

    #[inline(always)]
    fn reinterpret(self, words: [u32; LANES]) -> V {
        words.map(f32::from_bits)
    }

    #[inline(always)]
    fn convert(self, words: [u32; LANES]) -> V {
        words.map(|word| word.cast_signed() as f32)
    }
}
