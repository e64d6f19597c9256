//! The kernels' instructions for 256-bit x86 vectors.
//!
//! The types named `…Vnni` use the dot product instructions, and only their entry points enable
//! them: the compiler would otherwise put them into code that must run without.

use std::arch::asm;
use std::arch::x86_64::{
    __m256i, _mm256_add_epi32, _mm256_castps_si256, _mm256_castsi256_ps, _mm256_dpbusd_avx_epi32, _mm256_fmadd_ps,
    _mm256_madd_epi16, _mm256_maddubs_epi16, _mm256_set1_epi16,
};

use crate::local::linear::tile::{self, Dot, Tile};
use crate::local::simd::avx2::Avx2;

/// 32-bit floats.
pub(crate) struct Float32;

impl Dot for Float32 {
    type Simd = Avx2;
    const SCALED: bool = false;

    #[inline]
    #[target_feature(enable = "avx2,fma")]
    unsafe fn dot(sum: __m256i, weights: __m256i, input: __m256i) -> __m256i {
        _mm256_castps_si256(_mm256_fmadd_ps(
            _mm256_castsi256_ps(weights),
            _mm256_castsi256_ps(input),
            _mm256_castsi256_ps(sum),
        ))
    }

    #[target_feature(enable = "avx2,fma")]
    unsafe fn tile<const ROWS: usize, const VECTORS: usize>(tile: &Tile) {
        // SAFETY: as the caller vouches.
        unsafe { tile::multiply::<Self, ROWS, VECTORS>(tile) }
    }
}

/// Pairs of signed 16-bit numbers, multiplied and added in two instructions.
pub(crate) struct Word;

impl Dot for Word {
    type Simd = Avx2;
    const SCALED: bool = true;

    #[inline]
    #[target_feature(enable = "avx2,fma")]
    unsafe fn dot(sum: __m256i, weights: __m256i, input: __m256i) -> __m256i {
        _mm256_add_epi32(sum, _mm256_madd_epi16(weights, input))
    }

    #[target_feature(enable = "avx2,fma")]
    unsafe fn tile<const ROWS: usize, const VECTORS: usize>(tile: &Tile) {
        // SAFETY: as the caller vouches.
        unsafe { tile::multiply::<Self, ROWS, VECTORS>(tile) }
    }
}

/// Pairs of signed 16-bit numbers, with the dot product instruction.
pub(crate) struct WordVnni;

impl Dot for WordVnni {
    type Simd = Avx2;
    const SCALED: bool = true;

    #[inline]
    #[target_feature(enable = "avx2,fma,avxvnni")]
    unsafe fn dot(sum: __m256i, weights: __m256i, input: __m256i) -> __m256i {
        let mut sum = sum;
        // The compiler takes the intrinsic apart into a multiplication and an addition, to shorten
        // a chain that is not the bottleneck here; a sixth of the speed.
        // SAFETY: the instruction only reads and writes these registers.
        unsafe {
            asm!("{{vex}} vpdpwssd {0}, {1}, {2}", inout(ymm_reg) sum, in(ymm_reg) weights, in(ymm_reg) input,
                options(pure, nomem, nostack, preserves_flags));
        }
        sum
    }

    #[target_feature(enable = "avx2,fma,avxvnni")]
    unsafe fn tile<const ROWS: usize, const VECTORS: usize>(tile: &Tile) {
        // SAFETY: as the caller vouches.
        unsafe { tile::multiply::<Self, ROWS, VECTORS>(tile) }
    }
}

/// Four unsigned bytes with four signed 7-bit ones; 16 bits hold the sum of two products.
pub(crate) struct Byte;

impl Dot for Byte {
    type Simd = Avx2;
    const SCALED: bool = true;

    #[inline]
    #[target_feature(enable = "avx2,fma")]
    unsafe fn dot(sum: __m256i, weights: __m256i, input: __m256i) -> __m256i {
        let pairs = _mm256_maddubs_epi16(input, weights);
        _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)))
    }

    #[target_feature(enable = "avx2,fma")]
    unsafe fn tile<const ROWS: usize, const VECTORS: usize>(tile: &Tile) {
        // SAFETY: as the caller vouches.
        unsafe { tile::multiply::<Self, ROWS, VECTORS>(tile) }
    }
}

/// Four unsigned bytes with four signed ones, with the dot product instruction.
pub(crate) struct ByteVnni;

impl Dot for ByteVnni {
    type Simd = Avx2;
    const SCALED: bool = true;

    #[inline]
    #[target_feature(enable = "avx2,fma,avxvnni")]
    unsafe fn dot(sum: __m256i, weights: __m256i, input: __m256i) -> __m256i {
        _mm256_dpbusd_avx_epi32(sum, input, weights)
    }

    #[target_feature(enable = "avx2,fma,avxvnni")]
    unsafe fn tile<const ROWS: usize, const VECTORS: usize>(tile: &Tile) {
        // SAFETY: as the caller vouches.
        unsafe { tile::multiply::<Self, ROWS, VECTORS>(tile) }
    }
}
