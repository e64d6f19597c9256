//! [`Simd`] for x86-64 with AVX2 and FMA: 8 lanes, 16 registers.

use std::arch::x86_64::{
    __m128, __m256, __m256i, _CMP_LT_OQ, _MM_FROUND_NO_EXC, _MM_FROUND_TO_NEAREST_INT, _mm_add_ps, _mm_add_ss,
    _mm_cvtss_f32, _mm_loadu_ps, _mm_max_ps, _mm_max_ss, _mm_movehl_ps, _mm_shuffle_ps, _mm256_add_epi32,
    _mm256_add_ps, _mm256_andnot_ps, _mm256_blendv_ps, _mm256_castps_si256, _mm256_castps128_ps256,
    _mm256_castps256_ps128, _mm256_castsi256_ps, _mm256_cmp_ps, _mm256_cvtepi32_ps, _mm256_cvtps_epi32, _mm256_div_ps,
    _mm256_extractf128_ps, _mm256_fmadd_ps, _mm256_fnmadd_ps, _mm256_insertf128_ps, _mm256_loadu_ps,
    _mm256_loadu_si256, _mm256_maskload_ps, _mm256_maskstore_ps, _mm256_max_ps, _mm256_min_ps, _mm256_mul_ps,
    _mm256_round_ps, _mm256_set1_epi32, _mm256_set1_ps, _mm256_setr_ps, _mm256_shuffle_ps, _mm256_slli_epi32,
    _mm256_storeu_ps, _mm256_sub_ps, _mm256_unpackhi_ps, _mm256_unpacklo_ps,
};

use crate::local::simd::{Simd, lanewise};

/// Proof that the CPU has AVX2 and FMA.
#[derive(Clone, Copy)]
pub(crate) struct Avx2(());

impl Avx2 {
    /// All bits set in the lanes below `end`, for any `end`.
    #[inline(always)]
    fn below(self, end: isize) -> __m256 {
        // SAFETY: `self` proves the instructions.
        unsafe {
            let lanes = _mm256_setr_ps(0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0);
            _mm256_cmp_ps::<_CMP_LT_OQ>(lanes, _mm256_set1_ps(end.clamp(0, 8) as f32))
        }
    }

    #[inline(always)]
    fn mask(self, count: usize) -> __m256i {
        // SAFETY: `self` proves the instructions.
        unsafe { _mm256_castps_si256(self.below(count as isize)) }
    }

    /// The lower and the upper half.
    #[inline(always)]
    fn halves(self, v: __m256) -> (__m128, __m128) {
        // SAFETY: `self` proves the instructions.
        unsafe { (_mm256_castps256_ps128(v), _mm256_extractf128_ps::<1>(v)) }
    }
}

impl Simd for Avx2 {
    type V = __m256;
    type Words = __m256i;
    const LANES: usize = 8;
    const ROWS: usize = 6;
    const LEAST_EXPONENT: f32 = -127.0;

    lanewise! {
        add(a, b) = _mm256_add_ps;
        sub(a, b) = _mm256_sub_ps;
        mul(a, b) = _mm256_mul_ps;
        div(a, b) = _mm256_div_ps;
        min(a, b) = _mm256_min_ps;
        max(a, b) = _mm256_max_ps;
        fma(a, b, c) = _mm256_fmadd_ps;
        fnma(a, b, c) = _mm256_fnmadd_ps;
    }

    #[inline(always)]
    unsafe fn new() -> Self {
        Self(())
    }

    #[inline(always)]
    fn splat(self, x: f32) -> __m256 {
        // SAFETY: `self` proves the instructions.
        unsafe { _mm256_set1_ps(x) }
    }

    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> __m256 {
        // SAFETY: `self` proves the instructions, the caller the memory.
        unsafe { _mm256_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn load_part(self, from: *const f32, count: usize) -> __m256 {
        // SAFETY: as above; lanes that are masked off are not read.
        unsafe { _mm256_maskload_ps(from, self.mask(count)) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32, v: __m256) {
        // SAFETY: `self` proves the instructions, the caller the memory.
        unsafe { _mm256_storeu_ps(to, v) };
    }

    #[inline(always)]
    unsafe fn store_part(self, to: *mut f32, count: usize, v: __m256) {
        // SAFETY: as above; lanes that are masked off are not written.
        unsafe { _mm256_maskstore_ps(to, self.mask(count), v) };
    }

    #[inline(always)]
    unsafe fn load_columns(self, first: *const f32, step: usize) -> [__m256; 4] {
        // SAFETY: `self` proves the instructions, the caller the memory of every row.
        unsafe {
            // Half g of vector r holds row 4 g + r; see the same function for AVX-512.
            let half = |row: usize| -> __m128 { _mm_loadu_ps(first.add(row * step)) };
            let gather = |r: usize| _mm256_insertf128_ps::<1>(_mm256_castps128_ps256(half(r)), half(4 + r));
            let (a, b, c, d) = (gather(0), gather(1), gather(2), gather(3));
            let (ab_low, ab_high) = (_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b));
            let (cd_low, cd_high) = (_mm256_unpacklo_ps(c, d), _mm256_unpackhi_ps(c, d));
            [
                _mm256_shuffle_ps::<0x44>(ab_low, cd_low),
                _mm256_shuffle_ps::<0xEE>(ab_low, cd_low),
                _mm256_shuffle_ps::<0x44>(ab_high, cd_high),
                _mm256_shuffle_ps::<0xEE>(ab_high, cd_high),
            ]
        }
    }

    #[inline(always)]
    fn round(self, v: __m256) -> __m256 {
        // SAFETY: `self` proves the instructions.
        unsafe { _mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(v) }
    }

    #[inline(always)]
    fn scale(self, v: __m256, n: __m256) -> __m256 {
        // SAFETY: `self` proves the instructions.
        unsafe {
            let exponent = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
            _mm256_mul_ps(v, _mm256_castsi256_ps(_mm256_slli_epi32::<23>(exponent)))
        }
    }

    #[inline(always)]
    fn abs(self, v: __m256) -> __m256 {
        // SAFETY: `self` proves the instructions.
        unsafe { _mm256_andnot_ps(_mm256_set1_ps(-0.0), v) }
    }

    #[inline(always)]
    fn keep(self, v: __m256, low: isize, high: isize, other: __m256) -> __m256 {
        // SAFETY: `self` proves the instructions.
        unsafe {
            let kept = _mm256_blendv_ps(other, v, self.below(high));
            _mm256_blendv_ps(kept, other, self.below(low))
        }
    }

    #[inline(always)]
    fn sum(self, v: __m256) -> f32 {
        let (low, high) = self.halves(v);
        // SAFETY: `self` proves the instructions.
        unsafe {
            let four = _mm_add_ps(low, high);
            let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps::<0x55>(two, two)))
        }
    }

    #[inline(always)]
    fn greatest(self, v: __m256) -> f32 {
        let (low, high) = self.halves(v);
        // SAFETY: `self` proves the instructions.
        unsafe {
            let four = _mm_max_ps(low, high);
            let two = _mm_max_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_max_ss(two, _mm_shuffle_ps::<0x55>(two, two)))
        }
    }

    #[inline(always)]
    unsafe fn load_words(self, from: *const u8) -> __m256i {
        // SAFETY: `self` proves the instructions, the caller the memory.
        unsafe { _mm256_loadu_si256(from.cast()) }
    }

    #[inline(always)]
    unsafe fn splat_word(self, from: *const u8) -> __m256i {
        // SAFETY: `self` proves the instructions, the caller the memory.
        unsafe { _mm256_set1_epi32(from.cast::<i32>().read_unaligned()) }
    }

    #[inline(always)]
    fn reinterpret(self, words: __m256i) -> __m256 {
        // SAFETY: `self` proves the instructions.
        unsafe { _mm256_castsi256_ps(words) }
    }

    #[inline(always)]
    fn convert(self, words: __m256i) -> __m256 {
        // SAFETY: `self` proves the instructions.
        unsafe { _mm256_cvtepi32_ps(words) }
    }
}
