//! The kernels' instructions for 512-bit x86 vectors.
//!
//! The types named `…Vnni` use the dot product instructions, and only their entry points enable
//! them: the compiler would otherwise put them into code that must run without.

use std::arch::asm;
use std::arch::x86_64::{
    __m512i, _mm512_add_epi32, _mm512_castps_si512, _mm512_castsi512_ps, _mm512_dpbusd_epi32, _mm512_fmadd_ps,
    _mm512_madd_epi16, _mm512_maddubs_epi16, _mm512_set1_epi16,
};

use crate::local::linear::tile::{self, Dot, Tile};
use crate::local::simd::avx512::Avx512;

/// 32-bit floats.
pub(crate) struct Float32;

impl Dot for Float32 {
    type Simd = Avx512;
    const SCALED: bool = false;

    #[inline]
    #[target_feature(enable = "avx2,fma,avx512f,avx512bw")]
    unsafe fn dot(sum: __m512i, weights: __m512i, input: __m512i) -> __m512i {
        _mm512_castps_si512(_mm512_fmadd_ps(
            _mm512_castsi512_ps(weights),
            _mm512_castsi512_ps(input),
            _mm512_castsi512_ps(sum),
        ))
    }

    #[target_feature(enable = "avx2,fma,avx512f,avx512bw")]
    unsafe fn tile<const ROWS: usize, const VECTORS: usize>(tile: &Tile) {
        // SAFETY: as the caller vouches.
        unsafe { tile::multiply::<Self, ROWS, VECTORS>(tile) }
    }
}

/// Pairs of signed 16-bit numbers, multiplied and added in two instructions.
pub(crate) struct Word;

impl Dot for Word {
    type Simd = Avx512;
    const SCALED: bool = true;

    #[inline]
    #[target_feature(enable = "avx2,fma,avx512f,avx512bw")]
    unsafe fn dot(sum: __m512i, weights: __m512i, input: __m512i) -> __m512i {
        _mm512_add_epi32(sum, _mm512_madd_epi16(weights, input))
    }

    #[target_feature(enable = "avx2,fma,avx512f,avx512bw")]
    unsafe fn tile<const ROWS: usize, const VECTORS: usize>(tile: &Tile) {
        // SAFETY: as the caller vouches.
        unsafe { tile::multiply::<Self, ROWS, VECTORS>(tile) }
    }
}

/// Pairs of signed 16-bit numbers, with the dot product instruction.
pub(crate) struct WordVnni;

impl Dot for WordVnni {
    type Simd = Avx512;
    const SCALED: bool = true;

    #[inline]
    #[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512vnni")]
    unsafe fn dot(sum: __m512i, weights: __m512i, input: __m512i) -> __m512i {
        let mut sum = sum;
        // The compiler takes the intrinsic apart into a multiplication and an addition, to shorten
        // a chain that is not the bottleneck here; a sixth of the speed.
        // SAFETY: the instruction only reads and writes these registers.
        unsafe {
            asm!("vpdpwssd {0}, {1}, {2}", inout(zmm_reg) sum, in(zmm_reg) weights, in(zmm_reg) input,
                options(pure, nomem, nostack, preserves_flags));
        }
        sum
    }

    #[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512vnni")]
    unsafe fn tile<const ROWS: usize, const VECTORS: usize>(tile: &Tile) {
        // SAFETY: as the caller vouches.
        unsafe { tile::multiply::<Self, ROWS, VECTORS>(tile) }
    }
}

/// Four unsigned bytes with four signed 7-bit ones; 16 bits hold the sum of two products.
pub(crate) struct Byte;

impl Dot for Byte {
    type Simd = Avx512;
    const SCALED: bool = true;

    #[inline]
    #[target_feature(enable = "avx2,fma,avx512f,avx512bw")]
    unsafe fn dot(sum: __m512i, weights: __m512i, input: __m512i) -> __m512i {
        let pairs = _mm512_maddubs_epi16(input, weights);
        _mm512_add_epi32(sum, _mm512_madd_epi16(pairs, _mm512_set1_epi16(1)))
    }

    #[target_feature(enable = "avx2,fma,avx512f,avx512bw")]
    unsafe fn tile<const ROWS: usize, const VECTORS: usize>(tile: &Tile) {
        // SAFETY: as the caller vouches.
        unsafe { tile::multiply::<Self, ROWS, VECTORS>(tile) }
    }
}

/// Four unsigned bytes with four signed ones, with the dot product instruction.
pub(crate) struct ByteVnni;

impl Dot for ByteVnni {
    type Simd = Avx512;
    const SCALED: bool = true;

    #[inline]
    #[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512vnni")]
    unsafe fn dot(sum: __m512i, weights: __m512i, input: __m512i) -> __m512i {
        _mm512_dpbusd_epi32(sum, input, weights)
    }

    #[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512vnni")]
    unsafe fn tile<const ROWS: usize, const VECTORS: usize>(tile: &Tile) {
        // SAFETY: as the caller vouches.
        unsafe { tile::multiply::<Self, ROWS, VECTORS>(tile) }
    }
}
