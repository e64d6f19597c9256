//! Which tile comes when: blocks of rows that stay in the second cache, in them the panels, for
//! each panel the tiles of rows.
//!
//! Rows are cut into tiles of nearly equal height. Few rows take several panels at once, so that
//! there are enough independent sums to hide the latency of an instruction.

use std::ops::Range;

use crate::local::linear::output::Output;
use crate::local::linear::pack::Packed;
use crate::local::linear::rows::Prepared;
use crate::local::linear::tile::{Dot, PANEL_VECTORS, Tile};
use crate::local::ops::activation::{Activation, Block};
use crate::local::simd::Simd;

/// Bytes of input that a block of rows may have.
const BLOCK_BYTES: usize = 512 * 1024;
/// How far ahead a lone tile asks for weights, in bytes.
const AHEAD: usize = 4 * 1024;
/// Floats of the largest tile of one panel: 12 rows of 32 columns.
const SPARE: usize = 12 * 32;

/// One product: rows times packed columns, what follows, and where it goes.
pub(crate) struct Product<'a> {
    pub(crate) packed: &'a Packed,
    pub(crate) rows: &'a Prepared<'a>,
    /// Columns to compute; starts at a panel.
    pub(crate) columns: Range<usize>,
    pub(crate) activation: Activation,
    /// Whether the result is added to the output.
    pub(crate) add: bool,
}

type Kernel = unsafe fn(&Tile);

/// Computes the product.
///
/// # Safety
/// The machine has the set of `D`, whose form `packed` and `rows` have; the output has the
/// product's rows and columns.
pub(crate) unsafe fn multiply<D: Dot>(product: &Product<'_>, output: &mut Output<'_>) {
    let form = product.packed.form();
    let most = (BLOCK_BYTES / product.rows.stride / D::Simd::ROWS).max(1) * D::Simd::ROWS;
    let blocks = product.rows.rows.div_ceil(most);
    let mut spare = [0.0; SPARE];
    for block in 0..blocks {
        let rows = part(product.rows.rows, blocks, block);
        let abreast = match rows.len() {
            1 => 4,
            2 => 2,
            // Twelve sums and what they are made of do not fit 16 registers.
            3 if D::Simd::ROWS > 6 => 2,
            _ => 1,
        };
        let mut column = product.columns.start;
        while column < product.columns.end {
            let left = product.columns.end - column;
            let panels = if left >= abreast * form.width { abreast } else { 1 };
            // SAFETY: as the caller vouches.
            unsafe { panel::<D>(product, rows.clone(), column, panels, output, &mut spare) };
            column += panels * form.width;
        }
    }
}

/// All tiles of a block of rows in some panels; a panel that is not whole goes through `spare`.
///
/// # Safety
/// As `multiply`.
unsafe fn panel<D: Dot>(
    product: &Product<'_>,
    rows: Range<usize>,
    column: usize,
    panels: usize,
    output: &mut Output<'_>,
    spare: &mut [f32; SPARE],
) {
    let (packed, form) = (product.packed, product.packed.form());
    let columns = (panels * form.width).min(product.columns.end - column);
    let whole = columns == panels * form.width;
    let panel_bytes = form.panel_words() * 4;
    let tiles = rows.len().div_ceil(D::Simd::ROWS);
    for tile in 0..tiles {
        let tile_rows = part(rows.len(), tiles, tile);
        let (row, count) = (rows.start + tile_rows.start, tile_rows.len());
        let place = output.at(row, column - product.columns.start);
        let (at, stride) = if whole { (place, output.stride()) } else { (spare.as_mut_ptr(), form.width) };
        let weights = packed.panels().as_ptr().wrapping_add(column * form.steps() * 4);
        // One tile reads on; several fetch the next panel among them.
        let (distance, ahead_step) = match tiles {
            1 => (AHEAD, form.width * 4),
            _ => (panel_bytes + panel_bytes / tiles * tile, form.width * 4 / tiles),
        };
        // SAFETY: the indices are inside the packed columns and the prepared rows; `at` is inside
        // the output where the panel is whole, otherwise inside the spare tile.
        unsafe {
            if !whole && product.add {
                copy(Block { at: place, stride: output.stride(), rows: count, columns }, at, stride);
            }
            let work = Tile {
                inputs: product.rows.bytes.as_ptr().add(row * product.rows.stride),
                input_stride: product.rows.stride,
                row_scales: product.rows.scales.as_ptr().wrapping_add(row),
                weights,
                panel_bytes,
                ahead: weights.wrapping_add(distance),
                ahead_step,
                steps: form.steps(),
                starts: packed.starts().as_ptr().add(column).cast(),
                scales: packed.scales().as_ptr().add(column),
                bias: packed.bias().as_ptr().add(column),
                output: at,
                output_stride: stride,
                add: product.add,
            };
            kernel::<D>(count, panels * PANEL_VECTORS)(&work);
            let block = Block { at, stride, rows: count, columns: panels * form.width };
            product.activation.apply(product.rows.isa, block);
            if !whole {
                copy(Block { at, stride, rows: count, columns }, place, output.stride());
            }
        }
    }
}

/// One of `parts` nearly equal parts of `0..whole`.
fn part(whole: usize, parts: usize, part: usize) -> Range<usize> {
    whole * part / parts..whole * (part + 1) / parts
}

/// Copies a block.
///
/// # Safety
/// Both places are good for it and do not overlap.
unsafe fn copy(from: Block, to: *mut f32, stride: usize) {
    for row in 0..from.rows {
        // SAFETY: as the caller vouches.
        unsafe { from.at.add(row * from.stride).copy_to_nonoverlapping(to.add(row * stride), from.columns) };
    }
}

/// The tile kernel for so many rows and vectors of columns.
fn kernel<D: Dot>(rows: usize, vectors: usize) -> Kernel {
    match (vectors, rows) {
        (8, 1) => D::tile::<1, 8>,
        (4, 2) => D::tile::<2, 4>,
        (4, 3) => D::tile::<3, 4>,
        (2, 1) => D::tile::<1, 2>,
        (2, 2) => D::tile::<2, 2>,
        (2, 3) => D::tile::<3, 2>,
        (2, 4) => D::tile::<4, 2>,
        (2, 5) if const { D::Simd::ROWS > 4 } => D::tile::<5, 2>,
        (2, 6) if const { D::Simd::ROWS > 4 } => D::tile::<6, 2>,
        (2, _) if const { D::Simd::ROWS > 6 } => tall::<D>(rows),
        _ => unreachable!("a tile has no {rows} rows of {vectors} vectors"),
    }
}

/// The tile kernel for seven rows or more of one panel.
fn tall<D: Dot>(rows: usize) -> Kernel {
    match rows {
        7 => D::tile::<7, 2>,
        8 => D::tile::<8, 2>,
        9 => D::tile::<9, 2>,
        10 => D::tile::<10, 2>,
        11 => D::tile::<11, 2>,
        12 => D::tile::<12, 2>,
        _ => unreachable!("a tile has no {rows} rows"),
    }
}
