//! The inner kernel: a few rows times a few vectors of packed columns, all sums in registers.
//!
//! Invariant: every output element is one chain of steps over the inputs in their order, started
//! from the column's starting sum, whatever the size of the tile. A row's result therefore does
//! not depend on the rows beside it.

use crate::local::simd::Simd;

/// One instruction set's way of multiplying rows with packed columns in one precision.
///
/// A step takes one word of each row (1, 2 or 4 numbers) and one word of each of `LANES` packed
/// columns, and adds the products to `LANES` sums. The methods are `unsafe`: the machine must have
/// the instructions.
pub(crate) trait Dot {
    /// The vectors that it works on.
    type Simd: Simd;
    /// Whether sums are integers that scales turn into floats.
    const SCALED: bool;
    /// `sum + weights * input`, for each lane.
    unsafe fn dot(sum: Words<Self>, weights: Words<Self>, input: Words<Self>) -> Words<Self>;
    /// `multiply` inside a function that enables the instructions.
    unsafe fn tile<const ROWS: usize, const VECTORS: usize>(tile: &Tile);
}

/// The words that `D` works on.
pub(crate) type Words<D> = <<D as Dot>::Simd as Simd>::Words;

/// What a tile multiplies. Pointers, since two tiles may write to the same rows side by side.
pub(crate) struct Tile {
    /// The first row.
    pub(crate) inputs: *const u8,
    /// Bytes from one row to the next.
    pub(crate) input_stride: usize,
    /// One scale for each row; not read unless the sums are scaled.
    pub(crate) row_scales: *const f32,
    /// The first packed panel.
    pub(crate) weights: *const u8,
    /// Bytes from one panel to the next.
    pub(crate) panel_bytes: usize,
    /// Weights that are needed later; asked for where a tile has one panel.
    pub(crate) ahead: *const u8,
    /// Bytes that `ahead` moves on with each step.
    pub(crate) ahead_step: usize,
    /// Steps along the inputs.
    pub(crate) steps: usize,
    /// The starting sum of each column.
    pub(crate) starts: *const u8,
    /// The scale of each column; not read unless the sums are scaled.
    pub(crate) scales: *const f32,
    /// The bias of each column; not read unless the sums are scaled (otherwise it is the start).
    pub(crate) bias: *const f32,
    /// Where the first row's first column goes.
    pub(crate) output: *mut f32,
    /// Floats from one output row to the next.
    pub(crate) output_stride: usize,
    /// Whether the result is added to what is there.
    pub(crate) add: bool,
}

/// Vectors side by side in one packed panel.
pub(crate) const PANEL_VECTORS: usize = 2;

/// Multiplies `ROWS` rows with `VECTORS` vectors of columns.
///
/// # Safety
/// The machine has the set of `D`; the pointers are good for `ROWS` rows of `4 x steps` bytes,
/// `VECTORS / 2` panels, and `ROWS` output rows of `VECTORS` vectors that nobody else touches.
#[inline(always)]
pub(crate) unsafe fn multiply<D: Dot, const ROWS: usize, const VECTORS: usize>(tile: &Tile) {
    let lanes = D::Simd::LANES;
    let vector_bytes = lanes * 4;
    // SAFETY: the caller vouches for the pointers and for the instruction set; a prefetch of an
    // address beyond the weights has no effect.
    unsafe {
        let simd = D::Simd::new();
        let mut sums = [[simd.load_words(tile.starts); VECTORS]; ROWS];
        for vector in 0..VECTORS {
            let start = simd.load_words(tile.starts.add(vector * vector_bytes));
            for row in sums.iter_mut() {
                row[vector] = start;
            }
        }
        for row in 0..ROWS {
            // The lines arrive while the sums are made.
            prefetch(tile.output.add(row * tile.output_stride).cast());
            prefetch(tile.output.wrapping_add(row * tile.output_stride + lanes).cast());
        }
        let mut weights = tile.weights;
        let mut inputs = tile.inputs;
        let mut ahead = tile.ahead;
        for _ in 0..tile.steps {
            let mut columns = [simd.load_words(weights); VECTORS];
            for (vector, column) in columns.iter_mut().enumerate() {
                let panel = weights.add(vector / PANEL_VECTORS * tile.panel_bytes);
                *column = simd.load_words(panel.add(vector % PANEL_VECTORS * vector_bytes));
            }
            for (row, sums) in sums.iter_mut().enumerate() {
                let input = simd.splat_word(inputs.add(row * tile.input_stride));
                for (sum, column) in sums.iter_mut().zip(columns) {
                    *sum = D::dot(*sum, column, input);
                }
            }
            if VECTORS == PANEL_VECTORS {
                prefetch(ahead);
                prefetch(ahead.wrapping_add(64));
                ahead = ahead.wrapping_add(tile.ahead_step);
            }
            weights = weights.add(PANEL_VECTORS * vector_bytes);
            inputs = inputs.add(4);
        }
        finish::<D, ROWS, VECTORS>(tile, sums);
    }
}

/// Turns the sums into floats and writes them.
///
/// # Safety
/// As `multiply`.
#[inline(always)]
unsafe fn finish<D: Dot, const ROWS: usize, const VECTORS: usize>(tile: &Tile, sums: [[Words<D>; VECTORS]; ROWS]) {
    let lanes = D::Simd::LANES;
    // SAFETY: as the caller vouches.
    unsafe {
        let simd = D::Simd::new();
        for vector in 0..VECTORS {
            for (row, sums) in sums.iter().enumerate() {
                let mut value = simd.reinterpret(sums[vector]);
                if D::SCALED {
                    value = simd.convert(sums[vector]);
                    let scale = simd.load(tile.scales.add(vector * lanes));
                    let bias = simd.load(tile.bias.add(vector * lanes));
                    value = simd.fma(value, simd.mul(scale, simd.splat(*tile.row_scales.add(row))), bias);
                }
                let to = tile.output.add(row * tile.output_stride + vector * lanes);
                if tile.add {
                    value = simd.add(value, simd.load(to));
                }
                simd.store(to, value);
            }
        }
    }
}

/// Asks for a line of memory; a hint without effect where there is no such instruction.
#[inline(always)]
fn prefetch(address: *const u8) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch never faults, whatever the address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(address.cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}
