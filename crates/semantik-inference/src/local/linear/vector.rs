//! The two traits an instruction set implements, so that every kernel is written once.
//!
//! All methods are `unsafe`, because an implementation may use instructions that not every machine
//! has. The one condition of all of them: the machine has the set (`Isa::is_available`), and a
//! pointer is good for the bytes the method names. They are made to be inlined into a function
//! that enables the set, which is what `Dot::tile` and `Vector::activate` are.

use crate::local::linear::activation::Curve;
use crate::local::linear::tile::Tile;

/// A vector of 32-bit floats, and the vector of as many 32-bit words that goes with it.
pub(crate) trait Vector: Copy {
    /// As many 32-bit words: sums, or four packed bytes of each column.
    type Words: Copy;
    /// Floats in it.
    const LANES: usize;
    /// The same number in every lane.
    unsafe fn splat(value: f32) -> Self;
    /// Reads `LANES` floats.
    unsafe fn load(from: *const f32) -> Self;
    /// Writes `LANES` floats.
    unsafe fn store(self, to: *mut f32);
    /// `self + other`.
    unsafe fn add(self, other: Self) -> Self;
    /// `self * other`.
    unsafe fn mul(self, other: Self) -> Self;
    /// `self / other`.
    unsafe fn div(self, other: Self) -> Self;
    /// `self * factor + term`.
    unsafe fn mul_add(self, factor: Self, term: Self) -> Self;
    /// `term - self * factor`.
    unsafe fn neg_mul_add(self, factor: Self, term: Self) -> Self;
    /// The smaller one; `other` where either is not a number.
    unsafe fn min(self, other: Self) -> Self;
    /// The larger one; `other` where either is not a number.
    unsafe fn max(self, other: Self) -> Self;
    /// The absolute value.
    unsafe fn abs(self) -> Self;
    /// The nearest whole number, ties to even.
    unsafe fn round(self) -> Self;
    /// `self * 2^power` for a whole `power` in -126..=127 and a result that is not subnormal.
    unsafe fn scale(self, power: Self) -> Self;
    /// Reads `LANES` words.
    unsafe fn load_words(from: *const u8) -> Self::Words;
    /// Reads one word into every lane.
    unsafe fn splat_word(from: *const u8) -> Self::Words;
    /// The words, which are floats.
    unsafe fn from_bits(words: Self::Words) -> Self;
    /// The words, which are signed integers, as floats.
    unsafe fn from_integers(words: Self::Words) -> Self;
    /// `activation::apply` inside a function that enables the set.
    unsafe fn activate(curve: Curve, block: Block);
}

/// One instruction set's way of multiplying rows with packed columns in one precision.
///
/// A step takes one word of each row (1, 2 or 4 numbers) and one word of each of `LANES` packed
/// columns, and adds the products to `LANES` sums.
pub(crate) trait Dot {
    /// The floats that a finished sum becomes.
    type Vector: Vector;
    /// The most rows of a tile: what the registers hold.
    const ROWS: usize;
    /// Whether sums are integers that scales turn into floats.
    const SCALED: bool;
    /// `sum + weights * input`, for each lane.
    unsafe fn dot(sum: Words<Self>, weights: Words<Self>, input: Words<Self>) -> Words<Self>;
    /// `tile::multiply` inside a function that enables the set.
    unsafe fn tile<const ROWS: usize, const VECTORS: usize>(tile: &Tile);
}

/// The words that `D` works on.
pub(crate) type Words<D> = <<D as Dot>::Vector as Vector>::Words;

/// A rectangle of floats in memory; `columns` is a multiple of the vector's lanes.
#[derive(Clone, Copy)]
pub(crate) struct Block {
    /// The first float of the first row.
    pub(crate) at: *mut f32,
    /// Floats from one row to the next.
    pub(crate) stride: usize,
    /// Rows in it.
    pub(crate) rows: usize,
    /// Columns in it.
    pub(crate) columns: usize,
}
