//! [`Simd`] for x86-64 with AVX-512 (F, DQ, BW, VL): 16 lanes, 32 registers.

use std::arch::x86_64::{
    __m128, __m512, __m512i, __mmask16, _MM_FROUND_NO_EXC, _MM_FROUND_TO_NEAREST_INT, _mm_loadu_ps, _mm512_abs_ps,
    _mm512_add_ps, _mm512_castps128_ps512, _mm512_castsi512_ps, _mm512_cvtepi32_ps, _mm512_div_ps, _mm512_fmadd_ps,
    _mm512_fnmadd_ps, _mm512_insertf32x4, _mm512_loadu_ps, _mm512_loadu_si512, _mm512_mask_blend_ps,
    _mm512_mask_storeu_ps, _mm512_maskz_loadu_ps, _mm512_max_ps, _mm512_min_ps, _mm512_mul_ps, _mm512_reduce_add_ps,
    _mm512_reduce_max_ps, _mm512_roundscale_ps, _mm512_scalef_ps, _mm512_set1_epi32, _mm512_set1_ps, _mm512_shuffle_ps,
    _mm512_storeu_ps, _mm512_sub_ps, _mm512_unpackhi_ps, _mm512_unpacklo_ps,
};

use crate::local::simd::{Simd, lanewise};

/// Proof that the CPU has AVX-512.
#[derive(Clone, Copy)]
pub(crate) struct Avx512(());

/// The bits below `end`, for any `end`.
#[inline(always)]
fn below(end: isize) -> __mmask16 {
    ((1u32 << end.clamp(0, 16)) - 1) as __mmask16
}

impl Simd for Avx512 {
    type V = __m512;
    type Words = __m512i;
    const LANES: usize = 16;
    const ROWS: usize = 12;
    const LEAST_EXPONENT: f32 = -160.0;

    lanewise! {
        add(a, b) = _mm512_add_ps;
        sub(a, b) = _mm512_sub_ps;
        mul(a, b) = _mm512_mul_ps;
        div(a, b) = _mm512_div_ps;
        min(a, b) = _mm512_min_ps;
        max(a, b) = _mm512_max_ps;
        fma(a, b, c) = _mm512_fmadd_ps;
        fnma(a, b, c) = _mm512_fnmadd_ps;
        abs(v) = _mm512_abs_ps;
    }

    #[inline(always)]
    unsafe fn new() -> Self {
        Self(())
    }

    #[inline(always)]
    fn splat(self, x: f32) -> __m512 {
        // SAFETY: `self` proves the instructions.
        unsafe { _mm512_set1_ps(x) }
    }

    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> __m512 {
        // SAFETY: `self` proves the instructions, the caller the memory.
        unsafe { _mm512_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn load_part(self, from: *const f32, count: usize) -> __m512 {
        // SAFETY: as above; lanes that are masked off are not read.
        unsafe { _mm512_maskz_loadu_ps(below(count as isize), from) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32, v: __m512) {
        // SAFETY: `self` proves the instructions, the caller the memory.
        unsafe { _mm512_storeu_ps(to, v) };
    }

    #[inline(always)]
    unsafe fn store_part(self, to: *mut f32, count: usize, v: __m512) {
        // SAFETY: as above; lanes that are masked off are not written.
        unsafe { _mm512_mask_storeu_ps(to, below(count as isize), v) };
    }

    #[inline(always)]
    unsafe fn load_columns(self, first: *const f32, step: usize) -> [__m512; 4] {
        // SAFETY: `self` proves the instructions, the caller the memory of every row.
        unsafe {
            // Quarter g of vector r holds row 4 g + r, so that turning 4 x 4 blocks inside the
            // quarters leaves the rows in order.
            let quarter = |row: usize| -> __m128 { _mm_loadu_ps(first.add(row * step)) };
            let gather = |r: usize| {
                let v = _mm512_castps128_ps512(quarter(r));
                let v = _mm512_insertf32x4::<1>(v, quarter(4 + r));
                let v = _mm512_insertf32x4::<2>(v, quarter(8 + r));
                _mm512_insertf32x4::<3>(v, quarter(12 + r))
            };
            let (a, b, c, d) = (gather(0), gather(1), gather(2), gather(3));
            let (ab_low, ab_high) = (_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
            let (cd_low, cd_high) = (_mm512_unpacklo_ps(c, d), _mm512_unpackhi_ps(c, d));
            [
                _mm512_shuffle_ps::<0x44>(ab_low, cd_low),
                _mm512_shuffle_ps::<0xEE>(ab_low, cd_low),
                _mm512_shuffle_ps::<0x44>(ab_high, cd_high),
                _mm512_shuffle_ps::<0xEE>(ab_high, cd_high),
            ]
        }
    }

    #[inline(always)]
    fn round(self, v: __m512) -> __m512 {
        // SAFETY: `self` proves the instructions.
        unsafe { _mm512_roundscale_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(v) }
    }

    #[inline(always)]
    fn scale(self, v: __m512, n: __m512) -> __m512 {
        // SAFETY: `self` proves the instructions.
        unsafe { _mm512_scalef_ps(v, n) }
    }

    #[inline(always)]
    fn keep(self, v: __m512, low: isize, high: isize, other: __m512) -> __m512 {
        // SAFETY: `self` proves the instructions.
        unsafe { _mm512_mask_blend_ps(below(high) & !below(low), other, v) }
    }

    #[inline(always)]
    fn sum(self, v: __m512) -> f32 {
        // SAFETY: `self` proves the instructions.
        unsafe { _mm512_reduce_add_ps(v) }
    }

    #[inline(always)]
    fn greatest(self, v: __m512) -> f32 {
        // SAFETY: `self` proves the instructions.
        unsafe { _mm512_reduce_max_ps(v) }
    }

    #[inline(always)]
    unsafe fn load_words(self, from: *const u8) -> __m512i {
        // SAFETY: `self` proves the instructions, the caller the memory.
        unsafe { _mm512_loadu_si512(from.cast()) }
    }

    #[inline(always)]
    unsafe fn splat_word(self, from: *const u8) -> __m512i {
        // SAFETY: `self` proves the instructions, the caller the memory.
        unsafe { _mm512_set1_epi32(from.cast::<i32>().read_unaligned()) }
    }

    #[inline(always)]
    fn reinterpret(self, words: __m512i) -> __m512 {
        // SAFETY: `self` proves the instructions.
        unsafe { _mm512_castsi512_ps(words) }
    }

    #[inline(always)]
    fn convert(self, words: __m512i) -> __m512 {
        // SAFETY: `self` proves the instructions.
        unsafe { _mm512_cvtepi32_ps(words) }
    }
}
