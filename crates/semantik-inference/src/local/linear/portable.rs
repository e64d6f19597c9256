//! The kernels in plain Rust, eight lanes at a time.
//!
//! What every machine runs, and the yardstick of the others: the integer forms give the same sums
//! as the dot product instructions. Where the compiler may not assume a fused multiply-add the
//! product is rounded before it is added, so floats differ from the other sets in the last bits.

use std::array;

use crate::local::linear::activation::{self, Curve};
use crate::local::linear::tile::{self, Tile};
use crate::local::linear::vector::{Block, Dot, Vector};

/// Eight floats.
#[derive(Clone, Copy)]
pub(crate) struct Eight([f32; 8]);

/// Rows of a tile.
const TILE_ROWS: usize = 4;

impl Eight {
    #[inline(always)]
    fn map(self, function: impl Fn(f32) -> f32) -> Self {
        Self(self.0.map(function))
    }

    #[inline(always)]
    fn zip(self, other: Self, function: impl Fn(f32, f32) -> f32) -> Self {
        Self(array::from_fn(|lane| function(self.0[lane], other.0[lane])))
    }
}

impl Vector for Eight {
    type Words = [u32; 8];
    const LANES: usize = 8;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        Self([value; 8])
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller gives eight readable floats.
        Self(unsafe { from.cast::<[f32; 8]>().read_unaligned() })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller gives eight writable floats.
        unsafe { to.cast::<[f32; 8]>().write_unaligned(self.0) }
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        self.zip(other, |a, b| a + b)
    }

    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        self.zip(other, |a, b| a * b)
    }

    #[inline(always)]
    unsafe fn div(self, other: Self) -> Self {
        self.zip(other, |a, b| a / b)
    }

    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, term: Self) -> Self {
        self.zip(factor, |a, b| a * b).zip(term, |a, b| a + b)
    }

    #[inline(always)]
    unsafe fn neg_mul_add(self, factor: Self, term: Self) -> Self {
        self.zip(factor, |a, b| a * b).zip(term, |a, b| b - a)
    }

    #[inline(always)]
    unsafe fn min(self, other: Self) -> Self {
        self.zip(other, |a, b| if a < b { a } else { b })
    }

    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        self.zip(other, |a, b| if a > b { a } else { b })
    }

    #[inline(always)]
    unsafe fn abs(self) -> Self {
        self.map(f32::abs)
    }

    #[inline(always)]
    unsafe fn round(self) -> Self {
        self.map(f32::round_ties_even)
    }

    #[inline(always)]
    unsafe fn scale(self, power: Self) -> Self {
        self.zip(power, |a, power| a * f32::from_bits(((power as i32 + 127) as u32) << 23))
    }

    #[inline(always)]
    unsafe fn load_words(from: *const u8) -> [u32; 8] {
        // SAFETY: the caller gives 32 readable bytes.
        unsafe { from.cast::<[u32; 8]>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn splat_word(from: *const u8) -> [u32; 8] {
        // SAFETY: the caller gives four readable bytes.
        [unsafe { from.cast::<u32>().read_unaligned() }; 8]
    }

    #[inline(always)]
    unsafe fn from_bits(words: [u32; 8]) -> Self {
        Self(words.map(f32::from_bits))
    }

    #[inline(always)]
    unsafe fn from_integers(words: [u32; 8]) -> Self {
        Self(words.map(|word| word.cast_signed() as f32))
    }

    unsafe fn activate(curve: Curve, block: Block) {
        // SAFETY: as the caller vouches.
        unsafe { activation::apply::<Self>(curve, block) }
    }
}

/// One lane of a dot product.
trait Lane {
    const SCALED: bool;
    fn dot(sum: u32, weights: u32, input: u32) -> u32;
}

/// The products of one kind of lane.
pub(crate) struct Portable<L>(L);

impl<L: Lane> Dot for Portable<L> {
    type Vector = Eight;
    const ROWS: usize = TILE_ROWS;
    const SCALED: bool = L::SCALED;

    #[inline(always)]
    unsafe fn dot(sum: [u32; 8], weights: [u32; 8], input: [u32; 8]) -> [u32; 8] {
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
