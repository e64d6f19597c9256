//! The kernels' instructions for the 128-bit vectors of 64-bit Arm.
//!
//! Activations are signed bytes here (no zero point), as the instructions want them.

use std::arch::aarch64::{
    uint32x4_t, vfmaq_f32, vget_low_s8, vget_low_s16, vmlal_lane_s16, vmlal_s8, vmull_s8, vpadalq_s16,
    vreinterpretq_f32_u32, vreinterpretq_s8_u32, vreinterpretq_s16_u32, vreinterpretq_s32_u32, vreinterpretq_u32_f32,
    vreinterpretq_u32_s32, vuzp1q_s8, vuzp1q_s16, vuzp2q_s8, vuzp2q_s16,
};
use std::arch::asm;

use crate::local::linear::tile::{self, Dot, Tile};
use crate::local::simd::neon::Neon;

/// 32-bit floats.
pub(crate) struct Float32;

impl Dot for Float32 {
    type Simd = Neon;
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
    type Simd = Neon;
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
    type Simd = Neon;
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
    type Simd = Neon;
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
