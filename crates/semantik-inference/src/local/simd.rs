//! The vector operations that kernels are written in.
//!
//! A [`Simd`] value is a token: it exists only where the CPU has the instructions, which makes the
//! arithmetic safe to call; only memory access through raw pointers stays `unsafe`. Everything here
//! is `#[inline(always)]`, see [`crate::local::isa::Kernel::run`].

#[cfg(target_arch = "x86_64")]
pub(crate) mod avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) mod avx512;
#[cfg(target_arch = "aarch64")]
pub(crate) mod neon;
pub(crate) mod portable;

/// One instruction set: vectors of [`Simd::LANES`] floats and what can be done to them.
pub(crate) trait Simd: Copy {
    /// A vector of floats.
    type V: Copy;
    /// A vector of as many 32-bit words: sums, or a few packed numbers each.
    type Words: Copy;
    /// Floats in a vector: 4, 8 or 16.
    const LANES: usize;
    /// Rows of the register tile of a product, two vectors wide: what the registers hold.
    const ROWS: usize;
    /// The least exponent that [`Simd::scale`] takes, and that makes 0 of values near 1.
    const LEAST_EXPONENT: f32;

    /// # Safety
    /// The machine has the instructions.
    unsafe fn new() -> Self;
    /// `x` in every lane.
    fn splat(self, x: f32) -> Self::V;
    /// # Safety
    /// `from` is readable for `LANES` floats.
    unsafe fn load(self, from: *const f32) -> Self::V;
    /// The first `count` lanes from memory, the rest 0.
    /// # Safety
    /// `from` is readable for `count` floats; `count` is at most `LANES`.
    unsafe fn load_part(self, from: *const f32, count: usize) -> Self::V;
    /// # Safety
    /// `to` is writable for `LANES` floats.
    unsafe fn store(self, to: *mut f32, v: Self::V);
    /// # Safety
    /// `to` is writable for `count` floats; `count` is at most `LANES`.
    unsafe fn store_part(self, to: *mut f32, count: usize, v: Self::V);
    /// Four neighbouring columns of `LANES` rows, one vector per column, turned.
    /// # Safety
    /// `LANES` rows, `step` floats apart, are readable for four floats each from `first` on.
    unsafe fn load_columns(self, first: *const f32, step: usize) -> [Self::V; 4];

    fn add(self, a: Self::V, b: Self::V) -> Self::V;
    fn sub(self, a: Self::V, b: Self::V) -> Self::V;
    fn mul(self, a: Self::V, b: Self::V) -> Self::V;
    fn div(self, a: Self::V, b: Self::V) -> Self::V;
    /// The smaller one; not a number where `b` is none.
    fn min(self, a: Self::V, b: Self::V) -> Self::V;
    /// The greater one; not a number where `b` is none.
    fn max(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a * b + c`, with one rounding where the hardware does so.
    fn fma(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// `c - a * b`, rounded as [`Self::fma`] rounds.
    fn fnma(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// The nearest whole number, for values of magnitude below 2^22.
    fn round(self, v: Self::V) -> Self::V;
    /// `v * 2^n` for whole `n` from `LEAST_EXPONENT` to 127.
    fn scale(self, v: Self::V, n: Self::V) -> Self::V;
    fn abs(self, v: Self::V) -> Self::V;
    /// Lanes `low..high` of `v`, `other` elsewhere. The bounds may lie outside the vector.
    fn keep(self, v: Self::V, low: isize, high: isize, other: Self::V) -> Self::V;
    /// The sum of the lanes, always in the same order.
    fn sum(self, v: Self::V) -> f32;
    /// The greatest lane.
    fn greatest(self, v: Self::V) -> f32;
    /// # Safety
    /// `from` is readable for `LANES` words.
    unsafe fn load_words(self, from: *const u8) -> Self::Words;
    /// One word in every lane.
    /// # Safety
    /// `from` is readable for four bytes.
    unsafe fn splat_word(self, from: *const u8) -> Self::Words;
    /// The words, which are floats.
    fn reinterpret(self, words: Self::Words) -> Self::V;
    /// The words, which are signed integers, as floats.
    fn convert(self, words: Self::Words) -> Self::V;
}

/// Lane-wise operations that are one intrinsic each.
macro_rules! lanewise {
    ($($name:ident($($argument:ident),+) = $intrinsic:ident;)+) => { $(
        #[inline(always)]
        fn $name(self, $($argument: Self::V),+) -> Self::V {
            // SAFETY: a value of this type exists only where the CPU has the instructions.
            unsafe { $intrinsic($($argument),+) }
        }
    )+ };
}
pub(crate) use lanewise;
