//! Keys and values of one head, copied into the order in which the tile walks them.
//!
//! Both are read once per tile of queries, so a copy without strides saves cache and TLB misses.
//! Keys are turned: panels of two vectors of keys, `[panel][head_dim][2 * LANES]`. Values stay row
//! by row, filled up to whole vectors: `[length][value_row]`. Keys past the end repeat the last
//! one; the softmax masks them.

use super::{MOST_HEAD_DIM, Shape, tile};
use crate::local::simd::Simd;

/// Working memory of one thread, reused from call to call.
#[derive(Default)]
pub(crate) struct Scratch(Vec<Line>);

/// A cache line; as the unit of the buffer it aligns vectors.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Line(#[expect(dead_code, reason = "reached through pointers")] [f32; 16]);

/// The parts of a [`Scratch`], none overlapping.
pub(super) struct Buffers {
    /// `[panels][head_dim][2 * LANES]`.
    pub keys: *mut f32,
    /// `[length][value_row]`.
    pub values: *mut f32,
    /// `[ROWS][QUERY_STEP]`.
    pub queries: *mut f32,
    /// `[ROWS][SCORE_STEP]`.
    pub scores: *mut f32,
    /// `[ROWS][MOST_HEAD_DIM]`: sums of the blocks done so far.
    pub sums: *mut f32,
    /// Floats of one row of the values.
    pub value_row: usize,
}

impl Scratch {
    /// Makes room for sequences of up to `longest` tokens.
    pub(super) fn buffers<S: Simd>(&mut self, head_dim: usize, longest: usize) -> Buffers {
        let value_row = head_dim.next_multiple_of(S::LANES);
        let sizes = [
            longest.next_multiple_of(2 * S::LANES) * head_dim,
            longest * value_row,
            tile::ROWS * tile::QUERY_STEP,
            tile::ROWS * tile::SCORE_STEP,
            tile::ROWS * MOST_HEAD_DIM,
        ];
        // One line apart, so that the parts do not begin at the same place of a page.
        let lines = sizes.map(|size| size.div_ceil(16) + 1);
        let total = lines.iter().sum();
        if self.0.len() < total {
            self.0.resize(total, Line([0.0; 16]));
        }
        let mut next = self.0.as_mut_ptr();
        let [keys, values, queries, scores, sums] = lines.map(|count| {
            let part = next;
            // SAFETY: the counts add up to no more than the length of the buffer.
            next = unsafe { next.add(count) };
            part.cast::<f32>()
        });
        Buffers { keys, values, queries, scores, sums, value_row }
    }
}

/// Copies keys and values of pair `pair` of a sequence's `rows`.
#[inline(always)]
pub(super) fn pack<S: Simd>(simd: S, shape: &Shape, rows: &[f32], pair: usize, buffers: &Buffers) {
    let (row, dim) = (shape.row(), shape.head_dim);
    let length = rows.len() / row;
    let keys = (shape.heads + pair) * dim;
    let values = keys + shape.kv_heads * dim;
    for first in (0..length).step_by(S::LANES) {
        // SAFETY: the indices are inside rows of `rows`; the targets were sized for `longest`.
        unsafe {
            pack_keys(simd, (&rows[keys..], row, dim), first, length, buffers);
            for token in first..length.min(first + S::LANES) {
                let from = rows.as_ptr().add(token * row + values);
                copy(simd, from, dim, buffers.values.add(token * buffers.value_row));
            }
        }
    }
}

/// Turns one vector of keys, from `first` on, into its place in its panel. `rows` begins with the
/// first key and goes on every `row` floats.
///
/// # Safety
/// The buffers have room for `length` keys, `rows` has as many.
#[inline(always)]
unsafe fn pack_keys<S: Simd>(
    simd: S,
    (rows, row, dim): (&[f32], usize, usize),
    first: usize,
    length: usize,
    buffers: &Buffers,
) {
    // SAFETY: as the caller says; the scores, which nothing uses yet, hold 16 of the widest heads.
    unsafe {
        let mut source = (rows.as_ptr().add(first * row), row);
        if length - first < S::LANES {
            // The last keys, and the very last again until a vector is full.
            for lane in 0..S::LANES {
                let from = rows.as_ptr().add((first + lane).min(length - 1) * row);
                copy(simd, from, dim, buffers.scores.add(lane * MOST_HEAD_DIM));
            }
            source = (buffers.scores.cast_const(), MOST_HEAD_DIM);
        }
        let panel = first / (2 * S::LANES) * (2 * S::LANES);
        let target = buffers.keys.add(panel * dim + (first - panel));
        for column in (0..dim).step_by(4) {
            let turned = simd.load_columns(source.0.add(column), source.1);
            for (i, v) in turned.into_iter().enumerate() {
                simd.store(target.add((column + i) * 2 * S::LANES), v);
            }
        }
    }
}

/// Copies `count` floats and fills up to a whole vector with 0.
///
/// # Safety
/// `from` is readable for `count` floats, `to` writable for whole vectors of them.
#[inline(always)]
pub(super) unsafe fn copy<S: Simd>(simd: S, from: *const f32, count: usize, to: *mut f32) {
    let whole = count / S::LANES * S::LANES;
    // SAFETY: as the caller says.
    unsafe {
        for at in (0..whole).step_by(S::LANES) {
            simd.store(to.add(at), simd.load(from.add(at)));
        }
        if whole < count {
            simd.store(to.add(whole), simd.load_part(from.add(whole), count - whole));
        }
    }
}
