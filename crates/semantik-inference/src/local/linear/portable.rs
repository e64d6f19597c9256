//! The kernels in plain Rust.
//!
//! What every machine runs, and the yardstick of the others: the integer forms give the same sums
//! as the dot product instructions. Where the compiler may not assume a fused multiply-add the
//! product is rounded before it is added, so floats differ from the other sets in the last bits.

use std::array;

use crate::local::linear::tile::{self, Dot, Tile, Words};
use crate::local::simd::portable;

/// One lane of a dot product.
trait Lane {
    const SCALED: bool;
    fn dot(sum: u32, weights: u32, input: u32) -> u32;
}

/// The products of one kind of lane.
pub(crate) struct Portable<L>(L);

impl<L: Lane> Dot for Portable<L> {
    type Simd = portable::Portable;
    const SCALED: bool = L::SCALED;

    #[inline(always)]
    unsafe fn dot(sum: Words<Self>, weights: Words<Self>, input: Words<Self>) -> Words<Self> {
        array::from_fn(|lane| L::dot(sum[lane], weights[lane], input[lane]))
    }

    unsafe fn tile<const ROWS: usize, const VECTORS: usize>(tile: &Tile) {
        // SAFETY: as the caller vouches.
        unsafe { tile::multiply::<Self, ROWS, VECTORS>(tile) }
    }
}

/// 32-bit floats.
pub(crate) struct Float32;

impl Lane for Float32 {
    const SCALED: bool = false;

    #[inline(always)]
    fn dot(sum: u32, weights: u32, input: u32) -> u32 {
        (f32::from_bits(sum) + f32::from_bits(weights) * f32::from_bits(input)).to_bits()
    }
}

/// Pairs of signed 16-bit numbers.
pub(crate) struct Word;

impl Lane for Word {
    const SCALED: bool = true;

    #[inline(always)]
    fn dot(sum: u32, weights: u32, input: u32) -> u32 {
        let product = |shift: u32| i32::from((weights >> shift) as i16) * i32::from((input >> shift) as i16);
        sum.wrapping_add(product(0).wrapping_add(product(16)).cast_unsigned())
    }
}

/// Four unsigned bytes with four signed ones.
pub(crate) struct Byte;

impl Lane for Byte {
    const SCALED: bool = true;

    #[inline(always)]
    fn dot(sum: u32, weights: u32, input: u32) -> u32 {
        let product = |shift: u32| i32::from((weights >> shift) as i8) * i32::from((input >> shift) as u8);
        sum.wrapping_add((product(0) + product(8) + product(16) + product(24)).cast_unsigned())
    }
}
