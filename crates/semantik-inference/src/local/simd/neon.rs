//! [`Simd`] for 64-bit ARM: 4 lanes, 32 registers.

use std::arch::aarch64::{
    float32x4_t, uint32x4_t, vabsq_f32, vaddq_f32, vaddq_s32, vaddvq_f32, vandq_u32, vbslq_f32, vcgeq_f32, vcltq_f32,
    vcvtnq_s32_f32, vcvtq_f32_s32, vdivq_f32, vdupq_n_f32, vdupq_n_s32, vdupq_n_u32, vfmaq_f32, vfmsq_f32, vld1q_f32,
    vld1q_u8, vmaxq_f32, vmaxvq_f32, vminq_f32, vmulq_f32, vreinterpretq_f32_f64, vreinterpretq_f32_s32,
    vreinterpretq_f32_u32, vreinterpretq_f64_f32, vreinterpretq_s32_u32, vreinterpretq_u32_u8, vrndnq_f32, vshlq_n_s32,
    vst1q_f32, vsubq_f32, vtrn1q_f32, vtrn1q_f64, vtrn2q_f32, vtrn2q_f64,
};

use crate::local::simd::{Simd, lanewise};

/// Proof that the CPU has NEON.
#[derive(Clone, Copy)]
pub(crate) struct Neon(());

impl Simd for Neon {
    type V = float32x4_t;
    type Words = uint32x4_t;
    const LANES: usize = 4;
    const ROWS: usize = 12;
    const LEAST_EXPONENT: f32 = -127.0;

    lanewise! {
        add(a, b) = vaddq_f32;
        sub(a, b) = vsubq_f32;
        mul(a, b) = vmulq_f32;
        div(a, b) = vdivq_f32;
        min(a, b) = vminq_f32;
        max(a, b) = vmaxq_f32;
        round(v) = vrndnq_f32;
        abs(v) = vabsq_f32;
    }

    #[inline(always)]
    unsafe fn new() -> Self {
        Self(())
    }

    #[inline(always)]
    fn splat(self, x: f32) -> float32x4_t {
        // SAFETY: `self` proves the instructions.
        unsafe { vdupq_n_f32(x) }
    }

    #[inline(always)]
    fn fma(self, a: float32x4_t, b: float32x4_t, c: float32x4_t) -> float32x4_t {
        // SAFETY: `self` proves the instructions.
        unsafe { vfmaq_f32(c, a, b) }
    }

    #[inline(always)]
    fn fnma(self, a: float32x4_t, b: float32x4_t, c: float32x4_t) -> float32x4_t {
        // SAFETY: `self` proves the instructions.
        unsafe { vfmsq_f32(c, a, b) }
    }

    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> float32x4_t {
        // SAFETY: `self` proves the instructions, the caller the memory.
        unsafe { vld1q_f32(from) }
    }

    #[inline(always)]
    unsafe fn load_part(self, from: *const f32, count: usize) -> float32x4_t {
        let mut lanes = [0.0; 4];
        // SAFETY: the caller vouches for `count` floats, at most four.
        unsafe {
            lanes.as_mut_ptr().copy_from_nonoverlapping(from, count);
            self.load(lanes.as_ptr())
        }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32, v: float32x4_t) {
        // SAFETY: `self` proves the instructions, the caller the memory.
        unsafe { vst1q_f32(to, v) };
    }

    #[inline(always)]
    unsafe fn store_part(self, to: *mut f32, count: usize, v: float32x4_t) {
        let mut lanes = [0.0; 4];
        // SAFETY: the caller vouches for `count` floats, at most four.
        unsafe {
            self.store(lanes.as_mut_ptr(), v);
            to.copy_from_nonoverlapping(lanes.as_ptr(), count);
        }
    }

    #[inline(always)]
    unsafe fn load_columns(self, first: *const f32, step: usize) -> [float32x4_t; 4] {
        // SAFETY: `self` proves the instructions, the caller the memory of every row.
        unsafe {
            let read = |row: usize| self.load(first.add(row * step));
            let (a, b, c, d) = (read(0), read(1), read(2), read(3));
            let even = |x, y| vreinterpretq_f64_f32(vtrn1q_f32(x, y));
            let odd = |x, y| vreinterpretq_f64_f32(vtrn2q_f32(x, y));
            [
                vreinterpretq_f32_f64(vtrn1q_f64(even(a, b), even(c, d))),
                vreinterpretq_f32_f64(vtrn1q_f64(odd(a, b), odd(c, d))),
                vreinterpretq_f32_f64(vtrn2q_f64(even(a, b), even(c, d))),
                vreinterpretq_f32_f64(vtrn2q_f64(odd(a, b), odd(c, d))),
            ]
        }
    }

    #[inline(always)]
    fn scale(self, v: float32x4_t, n: float32x4_t) -> float32x4_t {
        // SAFETY: `self` proves the instructions.
        unsafe {
            let exponent = vaddq_s32(vcvtnq_s32_f32(n), vdupq_n_s32(127));
            vmulq_f32(v, vreinterpretq_f32_s32(vshlq_n_s32::<23>(exponent)))
        }
    }

    #[inline(always)]
    fn keep(self, v: float32x4_t, low: isize, high: isize, other: float32x4_t) -> float32x4_t {
        // SAFETY: `self` proves the instructions; the array holds four floats.
        unsafe {
            let lanes = self.load([0.0, 1.0, 2.0, 3.0].as_ptr());
            let from = vcgeq_f32(lanes, self.splat(low.clamp(0, 4) as f32));
            let to = vcltq_f32(lanes, self.splat(high.clamp(0, 4) as f32));
            vbslq_f32(vandq_u32(from, to), v, other)
        }
    }

    #[inline(always)]
    fn sum(self, v: float32x4_t) -> f32 {
        // SAFETY: `self` proves the instructions.
        unsafe { vaddvq_f32(v) }
    }

    #[inline(always)]
    fn greatest(self, v: float32x4_t) -> f32 {
        // SAFETY: `self` proves the instructions.
        unsafe { vmaxvq_f32(v) }
    }

    #[inline(always)]
    unsafe fn load_words(self, from: *const u8) -> uint32x4_t {
        // SAFETY: `self` proves the instructions, the caller the memory.
        unsafe { vreinterpretq_u32_u8(vld1q_u8(from)) }
    }

    #[inline(always)]
    unsafe fn splat_word(self, from: *const u8) -> uint32x4_t {
        // SAFETY: `self` proves the instructions, the caller the memory.
        unsafe { vdupq_n_u32(from.cast::<u32>().read_unaligned()) }
    }

    #[inline(always)]
    fn convert(self, words: uint32x4_t) -> float32x4_t {
        // SAFETY: `self` proves the instructions.
        unsafe { vcvtq_f32_s32(vreinterpretq_s32_u32(words)) }
    }

    #[inline(always)]
    fn reinterpret(self, words: uint32x4_t) -> float32x4_t {
        // SAFETY: `self` proves the instructions.
        unsafe { vreinterpretq_f32_u32(words) }
    }
}
