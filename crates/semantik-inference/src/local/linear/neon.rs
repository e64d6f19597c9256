//! The kernels' instructions for the 128-bit vectors of 64-bit Arm.
//!
//! Activations are signed bytes here (no zero point), as the instructions want them.

use std::arch::aarch64::{
    float32x4_t, uint32x4_t, vabsq_f32, vaddq_f32, vaddq_s32, vcvtnq_s32_f32, vcvtq_f32_s32, vdivq_f32, vdupq_n_f32,
    vdupq_n_s32, vdupq_n_u32, vfmaq_f32, vfmsq_f32, vget_low_s8, vget_low_s16, vld1q_f32, vld1q_u8, vmaxq_f32,
    vminq_f32, vmlal_lane_s16, vmlal_s8, vmull_s8, vmulq_f32, vpadalq_s16, vreinterpretq_f32_s32,
    vreinterpretq_f32_u32, vreinterpretq_s8_u32, vreinterpretq_s16_u32, vreinterpretq_s32_u32, vreinterpretq_u32_f32,
    vreinterpretq_u32_s32, vreinterpretq_u32_u8, vrndnq_f32, vshlq_n_s32, vst1q_f32, vuzp1q_s8, vuzp1q_s16, vuzp2q_s8,
    vuzp2q_s16,
};
use std::arch::asm;

use crate::local::linear::activation::{self, Curve};
use crate::local::linear::tile::{self, Tile};
use crate::local::linear::vector::{Block, Dot, Vector};

/// Rows of a tile: 24 sums, two vectors of weights and one input in 32 registers.
const TILE_ROWS: usize = 12;

impl Vector for float32x4_t {
    type Words = uint32x4_t;
    const LANES: usize = 4;

    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn splat(value: f32) -> Self {
        vdupq_n_f32(value)
    }

    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller gives four readable floats.
        unsafe { vld1q_f32(from) }
    }

    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller gives four writable floats.
        unsafe { vst1q_f32(to, self) }
    }

    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn add(self, other: Self) -> Self {
        vaddq_f32(self, other)
    }

    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn mul(self, other: Self) -> Self {
        vmulq_f32(self, other)
    }

    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn div(self, other: Self) -> Self {
        vdivq_f32(self, other)
    }

    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn mul_add(self, factor: Self, term: Self) -> Self {
        vfmaq_f32(term, self, factor)
    }

    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn neg_mul_add(self, factor: Self, term: Self) -> Self {
        vfmsq_f32(term, self, factor)
    }

    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn min(self, other: Self) -> Self {
        vminq_f32(self, other)
    }

    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn max(self, other: Self) -> Self {
        vmaxq_f32(self, other)
    }

    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn abs(self) -> Self {
        vabsq_f32(self)
    }

    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn round(self) -> Self {
        vrndnq_f32(self)
    }

    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn scale(self, power: Self) -> Self {
        let exponent = vaddq_s32(vcvtnq_s32_f32(power), vdupq_n_s32(127));
        vmulq_f32(self, vreinterpretq_f32_s32(vshlq_n_s32::<23>(exponent)))
    }

    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn load_words(from: *const u8) -> uint32x4_t {
        // SAFETY: the caller gives 16 readable bytes.
        unsafe { vreinterpretq_u32_u8(vld1q_u8(from)) }
    }

    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn splat_word(from: *const u8) -> uint32x4_t {
        // SAFETY: the caller gives four readable bytes.
        vdupq_n_u32(unsafe { from.cast::<u32>().read_unaligned() })
    }

    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn from_bits(words: uint32x4_t) -> Self {
        vreinterpretq_f32_u32(words)
    }

    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn from_integers(words: uint32x4_t) -> Self {
        vcvtq_f32_s32(vreinterpretq_s32_u32(words))
    }

    #[target_feature(enable = "neon")]
    unsafe fn activate(curve: Curve, block: Block) {
        // SAFETY: as the caller vouches.
        unsafe { activation::apply::<Self>(curve, block) }
    }
}

/// 32-bit floats.
pub(crate) struct Float32;

impl Dot for Float32 {
    type Vector = float32x4_t;
    const ROWS: usize = TILE_ROWS;
    const SCALED: bool = false;

    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn dot(sum: uint32x4_t, weights: uint32x4_t, input: uint32x4_t) -> uint32x4_t {
        let (sum, weights) = (vreinterpretq_f32_u32(sum), vreinterpretq_f32_u32(weights));
        vreinterpretq_u32_f32(vfmaq_f32(sum, weights, vreinterpretq_f32_u32(input)))
    }

    #[target_feature(enable = "neon")]
    unsafe fn tile<const ROWS: usize, const VECTORS: usize>(tile: &Tile) {
        // SAFETY: as the caller vouches.
        unsafe { tile::multiply::<Self, ROWS, VECTORS>(tile) }
    }
}

/// Pairs of signed 16-bit numbers; the pairs are parted once for all rows of a tile.
pub(crate) struct Word;

impl Dot for Word {
    type Vector = float32x4_t;
    const ROWS: usize = TILE_ROWS;
    const SCALED: bool = true;

    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn dot(sum: uint32x4_t, weights: uint32x4_t, input: uint32x4_t) -> uint32x4_t {
        let (weights, input) = (vreinterpretq_s16_u32(weights), vget_low_s16(vreinterpretq_s16_u32(input)));
        let first = vget_low_s16(vuzp1q_s16(weights, weights));
        let second = vget_low_s16(vuzp2q_s16(weights, weights));
        let sum = vmlal_lane_s16::<0>(vreinterpretq_s32_u32(sum), first, input);
        vreinterpretq_u32_s32(vmlal_lane_s16::<1>(sum, second, input))
    }

    #[target_feature(enable = "neon")]
    unsafe fn tile<const ROWS: usize, const VECTORS: usize>(tile: &Tile) {
        // SAFETY: as the caller vouches.
        unsafe { tile::multiply::<Self, ROWS, VECTORS>(tile) }
    }
}

/// Four signed bytes; 16 bits hold the sum of two products, 2 x 127 x 127.
pub(crate) struct Byte;

impl Dot for Byte {
    type Vector = float32x4_t;
    const ROWS: usize = TILE_ROWS;
    const SCALED: bool = true;

    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn dot(sum: uint32x4_t, weights: uint32x4_t, input: uint32x4_t) -> uint32x4_t {
        let (weights, input) = (vreinterpretq_s8_u32(weights), vreinterpretq_s8_u32(input));
        let part = |bytes| (vget_low_s8(vuzp1q_s8(bytes, bytes)), vget_low_s8(vuzp2q_s8(bytes, bytes)));
        let ((even, odd), (input_even, input_odd)) = (part(weights), part(input));
        let pairs = vmlal_s8(vmull_s8(even, input_even), odd, input_odd);
        vreinterpretq_u32_s32(vpadalq_s16(vreinterpretq_s32_u32(sum), pairs))
    }

    #[target_feature(enable = "neon")]
    unsafe fn tile<const ROWS: usize, const VECTORS: usize>(tile: &Tile) {
        // SAFETY: as the caller vouches.
        unsafe { tile::multiply::<Self, ROWS, VECTORS>(tile) }
    }
}

/// Four signed bytes, with the dot product instruction.
pub(crate) struct ByteDot;

impl Dot for ByteDot {
    type Vector = float32x4_t;
    const ROWS: usize = TILE_ROWS;
    const SCALED: bool = true;

    #[inline]
    #[target_feature(enable = "neon,dotprod")]
    unsafe fn dot(sum: uint32x4_t, weights: uint32x4_t, input: uint32x4_t) -> uint32x4_t {
        let mut sum = sum;
        // The intrinsic is not stable yet.
        // SAFETY: the instruction only reads and writes these registers.
        unsafe {
            asm!("sdot {0:v}.4s, {1:v}.16b, {2:v}.16b", inout(vreg) sum, in(vreg) weights, in(vreg) input,
                options(pure, nomem, nostack, preserves_flags));
        }
        sum
    }

    #[target_feature(enable = "neon,dotprod")]
    unsafe fn tile<const ROWS: usize, const VECTORS: usize>(tile: &Tile) {
        // SAFETY: as the caller vouches.
        unsafe { tile::multiply::<Self, ROWS, VECTORS>(tile) }
    }
}
