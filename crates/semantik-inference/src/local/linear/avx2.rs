//! The kernels' instructions for 256-bit x86 vectors.
//!
//! The types named `…Vnni` use the dot product instructions, and only their entry points enable
//! them: the compiler would otherwise put them into code that must run without.

use std::arch::asm;
use std::arch::x86_64::{
    __m256, __m256i, _MM_FROUND_NO_EXC, _MM_FROUND_TO_NEAREST_INT, _mm256_add_epi32, _mm256_add_ps, _mm256_andnot_ps,
    _mm256_castps_si256, _mm256_castsi256_ps, _mm256_cvtepi32_ps, _mm256_cvtps_epi32, _mm256_div_ps,
    _mm256_dpbusd_avx_epi32, _mm256_fmadd_ps, _mm256_fnmadd_ps, _mm256_loadu_ps, _mm256_loadu_si256, _mm256_madd_epi16,
    _mm256_maddubs_epi16, _mm256_max_ps, _mm256_min_ps, _mm256_mul_ps, _mm256_round_ps, _mm256_set1_epi16,
    _mm256_set1_epi32, _mm256_set1_ps, _mm256_slli_epi32, _mm256_storeu_ps,
};

use crate::local::linear::activation::{self, Curve};
use crate::local::linear::tile::{self, Tile};
use crate::local::linear::vector::{Block, Dot, Vector};

/// Rows of a tile: 12 sums, two vectors of weights and one input in 16 registers.
const TILE_ROWS: usize = 6;

impl Vector for __m256 {
    type Words = __m256i;
    const LANES: usize = 8;

    #[inline]
    #[target_feature(enable = "avx2,fma")]
    unsafe fn splat(value: f32) -> Self {
        _mm256_set1_ps(value)
    }

    #[inline]
    #[target_feature(enable = "avx2,fma")]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller gives 8 readable floats.
        unsafe { _mm256_loadu_ps(from) }
    }

    #[inline]
    #[target_feature(enable = "avx2,fma")]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller gives 8 writable floats.
        unsafe { _mm256_storeu_ps(to, self) }
    }

    #[inline]
    #[target_feature(enable = "avx2,fma")]
    unsafe fn add(self, other: Self) -> Self {
        _mm256_add_ps(self, other)
    }

    #[inline]
    #[target_feature(enable = "avx2,fma")]
    unsafe fn mul(self, other: Self) -> Self {
        _mm256_mul_ps(self, other)
    }

    #[inline]
    #[target_feature(enable = "avx2,fma")]
    unsafe fn div(self, other: Self) -> Self {
        _mm256_div_ps(self, other)
    }

    #[inline]
    #[target_feature(enable = "avx2,fma")]
    unsafe fn mul_add(self, factor: Self, term: Self) -> Self {
        _mm256_fmadd_ps(self, factor, term)
    }

    #[inline]
    #[target_feature(enable = "avx2,fma")]
    unsafe fn neg_mul_add(self, factor: Self, term: Self) -> Self {
        _mm256_fnmadd_ps(self, factor, term)
    }

    #[inline]
    #[target_feature(enable = "avx2,fma")]
    unsafe fn min(self, other: Self) -> Self {
        _mm256_min_ps(self, other)
    }

    #[inline]
    #[target_feature(enable = "avx2,fma")]
    unsafe fn max(self, other: Self) -> Self {
        _mm256_max_ps(self, other)
    }

    #[inline]
    #[target_feature(enable = "avx2,fma")]
    unsafe fn abs(self) -> Self {
        _mm256_andnot_ps(_mm256_set1_ps(-0.0), self)
    }

    #[inline]
    #[target_feature(enable = "avx2,fma")]
    unsafe fn round(self) -> Self {
        _mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(self)
    }

    #[inline]
    #[target_feature(enable = "avx2,fma")]
    unsafe fn scale(self, power: Self) -> Self {
        let exponent = _mm256_add_epi32(_mm256_cvtps_epi32(power), _mm256_set1_epi32(127));
        _mm256_mul_ps(self, _mm256_castsi256_ps(_mm256_slli_epi32::<23>(exponent)))
    }

    #[inline]
    #[target_feature(enable = "avx2,fma")]
    unsafe fn load_words(from: *const u8) -> __m256i {
        // SAFETY: the caller gives 32 readable bytes.
        unsafe { _mm256_loadu_si256(from.cast()) }
    }

    #[inline]
    #[target_feature(enable = "avx2,fma")]
    unsafe fn splat_word(from: *const u8) -> __m256i {
        // SAFETY: the caller gives four readable bytes.
        _mm256_set1_epi32(unsafe { from.cast::<i32>().read_unaligned() })
    }

    #[inline]
    #[target_feature(enable = "avx2,fma")]
    unsafe fn from_bits(words: __m256i) -> Self {
        _mm256_castsi256_ps(words)
    }

    #[inline]
    #[target_feature(enable = "avx2,fma")]
    unsafe fn from_integers(words: __m256i) -> Self {
        _mm256_cvtepi32_ps(words)
    }

    #[target_feature(enable = "avx2,fma")]
    unsafe fn activate(curve: Curve, block: Block) {
        // SAFETY: as the caller vouches.
        unsafe { activation::apply::<Self>(curve, block) }
    }
}

/// 32-bit floats.
pub(crate) struct Float32;

impl Dot for Float32 {
    type Vector = __m256;
    const ROWS: usize = TILE_ROWS;
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
    type Vector = __m256;
    const ROWS: usize = TILE_ROWS;
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
    type Vector = __m256;
    const ROWS: usize = TILE_ROWS;
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
    type Vector = __m256;
    const ROWS: usize = TILE_ROWS;
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
    type Vector = __m256;
    const ROWS: usize = TILE_ROWS;
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
