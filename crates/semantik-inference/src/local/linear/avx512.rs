//! The kernels' instructions for 512-bit x86 vectors.
//!
//! The types named `…Vnni` use the dot product instructions, and only their entry points enable
//! them: the compiler would otherwise put them into code that must run without.

use std::arch::asm;
use std::arch::x86_64::{
    __m512, __m512i, _MM_FROUND_NO_EXC, _MM_FROUND_TO_NEAREST_INT, _mm512_abs_ps, _mm512_add_epi32, _mm512_add_ps,
    _mm512_castps_si512, _mm512_castsi512_ps, _mm512_cvtepi32_ps, _mm512_div_ps, _mm512_dpbusd_epi32, _mm512_fmadd_ps,
    _mm512_fnmadd_ps, _mm512_loadu_ps, _mm512_loadu_si512, _mm512_madd_epi16, _mm512_maddubs_epi16, _mm512_max_ps,
    _mm512_min_ps, _mm512_mul_ps, _mm512_roundscale_ps, _mm512_scalef_ps, _mm512_set1_epi16, _mm512_set1_epi32,
    _mm512_set1_ps, _mm512_storeu_ps,
};

use crate::local::linear::activation::{self, Curve};
use crate::local::linear::tile::{self, Tile};
use crate::local::linear::vector::{Block, Dot, Vector};

/// Rows of a tile: 24 sums, two vectors of weights and one input in 32 registers.
const TILE_ROWS: usize = 12;

impl Vector for __m512 {
    type Words = __m512i;
    const LANES: usize = 16;

    #[inline]
    #[target_feature(enable = "avx2,fma,avx512f,avx512bw")]
    unsafe fn splat(value: f32) -> Self {
        _mm512_set1_ps(value)
    }

    #[inline]
    #[target_feature(enable = "avx2,fma,avx512f,avx512bw")]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller gives 16 readable floats.
        unsafe { _mm512_loadu_ps(from) }
    }

    #[inline]
    #[target_feature(enable = "avx2,fma,avx512f,avx512bw")]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller gives 16 writable floats.
        unsafe { _mm512_storeu_ps(to, self) }
    }

    #[inline]
    #[target_feature(enable = "avx2,fma,avx512f,avx512bw")]
    unsafe fn add(self, other: Self) -> Self {
        _mm512_add_ps(self, other)
    }

    #[inline]
    #[target_feature(enable = "avx2,fma,avx512f,avx512bw")]
    unsafe fn mul(self, other: Self) -> Self {
        _mm512_mul_ps(self, other)
    }

    #[inline]
    #[target_feature(enable = "avx2,fma,avx512f,avx512bw")]
    unsafe fn div(self, other: Self) -> Self {
        _mm512_div_ps(self, other)
    }

    #[inline]
    #[target_feature(enable = "avx2,fma,avx512f,avx512bw")]
    unsafe fn mul_add(self, factor: Self, term: Self) -> Self {
        _mm512_fmadd_ps(self, factor, term)
    }

    #[inline]
    #[target_feature(enable = "avx2,fma,avx512f,avx512bw")]
    unsafe fn neg_mul_add(self, factor: Self, term: Self) -> Self {
        _mm512_fnmadd_ps(self, factor, term)
    }

    #[inline]
    #[target_feature(enable = "avx2,fma,avx512f,avx512bw")]
    unsafe fn min(self, other: Self) -> Self {
        _mm512_min_ps(self, other)
    }

    #[inline]
    #[target_feature(enable = "avx2,fma,avx512f,avx512bw")]
    unsafe fn max(self, other: Self) -> Self {
        _mm512_max_ps(self, other)
    }

    #[inline]
    #[target_feature(enable = "avx2,fma,avx512f,avx512bw")]
    unsafe fn abs(self) -> Self {
        _mm512_abs_ps(self)
    }

    #[inline]
    #[target_feature(enable = "avx2,fma,avx512f,avx512bw")]
    unsafe fn round(self) -> Self {
        _mm512_roundscale_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(self)
    }

    #[inline]
    #[target_feature(enable = "avx2,fma,avx512f,avx512bw")]
    unsafe fn scale(self, power: Self) -> Self {
        _mm512_scalef_ps(self, power)
    }

    #[inline]
    #[target_feature(enable = "avx2,fma,avx512f,avx512bw")]
    unsafe fn load_words(from: *const u8) -> __m512i {
        // SAFETY: the caller gives 64 readable bytes.
        unsafe { _mm512_loadu_si512(from.cast()) }
    }

    #[inline]
    #[target_feature(enable = "avx2,fma,avx512f,avx512bw")]
    unsafe fn splat_word(from: *const u8) -> __m512i {
        // SAFETY: the caller gives four readable bytes.
        _mm512_set1_epi32(unsafe { from.cast::<i32>().read_unaligned() })
    }

    #[inline]
    #[target_feature(enable = "avx2,fma,avx512f,avx512bw")]
    unsafe fn from_bits(words: __m512i) -> Self {
        _mm512_castsi512_ps(words)
    }

    #[inline]
    #[target_feature(enable = "avx2,fma,avx512f,avx512bw")]
    unsafe fn from_integers(words: __m512i) -> Self {
        _mm512_cvtepi32_ps(words)
    }

    #[target_feature(enable = "avx2,fma,avx512f,avx512bw")]
    unsafe fn activate(curve: Curve, block: Block) {
        // SAFETY: as the caller vouches.
        unsafe { activation::apply::<Self>(curve, block) }
    }
}

/// 32-bit floats.
pub(crate) struct Float32;

impl Dot for Float32 {
    type Vector = __m512;
    const ROWS: usize = TILE_ROWS;
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
    type Vector = __m512;
    const ROWS: usize = TILE_ROWS;
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
    type Vector = __m512;
    const ROWS: usize = TILE_ROWS;
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
    type Vector = __m512;
    const ROWS: usize = TILE_ROWS;
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
    type Vector = __m512;
    const ROWS: usize = TILE_ROWS;
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
