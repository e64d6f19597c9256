//! One tile: a few query rows of one head against all keys that they see.
//!
//! Scores of the tile are computed a panel of keys at a time in registers, turned into weights row
//! by row in the first-level cache, and multiplied with the values in registers again.

use std::ops::Range;

use super::packing::{Buffers, copy};
use super::softmax::{Running, adjust, weigh};
use super::{MOST_HEAD_DIM, Shape};
use crate::local::simd::Simd;

/// The most query rows of a tile.
pub(super) const ROWS: usize = 12;
/// Keys whose scores are held at once. A multiple of every panel's width.
pub(super) const BLOCK: usize = 512;
/// Floats from row to row; constants keep the addresses of a tile in one register. Not powers of
/// two, which would put all rows into the same cache sets.
pub(super) const QUERY_STEP: usize = MOST_HEAD_DIM + 16;
pub(super) const SCORE_STEP: usize = BLOCK + 16;

/// One head of one sequence, packed.
pub(super) struct Sequence<'a> {
    pub shape: &'a Shape<'a>,
    /// `[length, shape.row()]`.
    pub rows: &'a [f32],
    pub length: usize,
    pub head: usize,
    pub buffers: &'a Buffers,
}

/// Where a tile's result goes.
#[derive(Clone, Copy)]
struct Target {
    first: *mut f32,
    row: usize,
}

/// The place of one block among the blocks of a tile.
#[derive(Clone, Copy)]
struct Place {
    first: bool,
    last: bool,
}

impl Sequence<'_> {
    /// Does the next tile, from `query` on, into rows of `row` floats at `out`; returns its height.
    #[inline(always)]
    pub(crate) fn step<S: Simd>(&self, simd: S, query: usize, out: *mut f32, row: usize) -> usize {
        let left = self.length - query;
        let out = Target { first: out, row };
        if S::ROWS >= 12 && left >= 12 {
            self.tile::<S, 12>(simd, query, out)
        } else if S::ROWS >= 8 && left >= 8 {
            self.tile::<S, 8>(simd, query, out)
        } else if left >= 6 {
            self.tile::<S, 6>(simd, query, out)
        } else if left >= 4 {
            self.tile::<S, 4>(simd, query, out)
        } else if left >= 2 {
            self.tile::<S, 2>(simd, query, out)
        } else {
            self.tile::<S, 1>(simd, query, out)
        }
    }

    #[inline(always)]
    fn tile<S: Simd, const R: usize>(&self, simd: S, query: usize, out: Target) -> usize {
        let (dim, row) = (self.shape.head_dim, self.shape.row());
        for r in 0..R {
            // SAFETY: row `query + r` exists, and a row of the buffer holds the widest head.
            unsafe {
                let from = self.rows.as_ptr().add((query + r) * row + self.head * dim);
                copy(simd, from, dim, self.buffers.queries.add(r * QUERY_STEP));
            }
        }
        let start = self.shape.seen(query, self.length).start / (2 * S::LANES) * (2 * S::LANES);
        let end = self.shape.seen(query + R - 1, self.length).end;
        let mut running = [Running::START; R];
        for first in (start..end).step_by(BLOCK) {
            let keys = first..end.min(first + BLOCK);
            let place = Place { first: first == start, last: keys.end == end };
            self.score::<S, R>(simd, &keys);
            // SAFETY: a row of the scores has room for a block; every row sees a key of its first
            // block, since that begins at most one panel before it and is longer.
            let earlier = unsafe {
                self.adjust::<S, R>(simd, query, &keys);
                weigh::<S, R, SCORE_STEP>(simd, self.buffers.scores, keys.len(), &mut running)
            };
            self.mix::<S, R>(simd, &keys, place, (&earlier, &running), out);
        }
        R
    }

    /// Bias and mask of the scores of `R` queries with `keys`.
    ///
    /// # Safety
    /// The scores are those of a tile with `keys`.
    #[inline(always)]
    unsafe fn adjust<S: Simd, const R: usize>(&self, simd: S, query: usize, keys: &Range<usize>) {
        let Shape { causal, window, bias, .. } = *self.shape;
        if !causal && window.is_none() && bias.is_none() {
            return;
        }
        for r in 0..R {
            let seen = self.shape.seen(query + r, self.length);
            let seen = seen.start.saturating_sub(keys.start)..seen.end.saturating_sub(keys.start);
            // SAFETY: row `r` has whole vectors for all keys, the biases one for each.
            unsafe {
                let scores = self.buffers.scores.add(r * SCORE_STEP);
                adjust(simd, scores, keys.len(), &seen, self.bias(query + r, keys.start));
            }
        }
    }

    /// The biases of `query` from key `first` on.
    #[inline(always)]
    fn bias(&self, query: usize, first: usize) -> Option<*const f32> {
        let bias = self.shape.bias?;
        let row = &bias.rows[self.head * (2 * bias.reach - 1)..];
        Some(row[bias.reach - 1 + first - query..].as_ptr())
    }

    /// Scores of the tile's queries with `keys`, of which the first begins a panel.
    #[inline(always)]
    fn score<S: Simd, const R: usize>(&self, simd: S, keys: &Range<usize>) {
        let dim = self.shape.head_dim;
        let scores = self.buffers.scores;
        for key in keys.clone().step_by(2 * S::LANES) {
            // SAFETY: panels are whole vectors up to the last key, rows of the scores longer.
            unsafe {
                let panel = self.buffers.keys.cast_const().add(key * dim);
                let to = scores.add(key - keys.start);
                if keys.end - key > S::LANES {
                    self.score_panel::<S, R, 2>(simd, panel, keys.end - key, to);
                } else {
                    self.score_panel::<S, R, 1>(simd, panel, keys.end - key, to);
                }
            }
        }
    }

    /// Scores with one panel, of which `left` keys count; the others get minus infinity.
    ///
    /// # Safety
    /// The panel has `N` vectors of keys; `to` is writable for as much in every row.
    #[inline(always)]
    unsafe fn score_panel<S: Simd, const R: usize, const N: usize>(
        &self,
        simd: S,
        panel: *const f32,
        left: usize,
        to: *mut f32,
    ) {
        let mut sums = [[simd.splat(0.0); N]; R];
        // SAFETY: as the caller says; the queries are those of the tile.
        unsafe {
            let queries = self.buffers.queries.cast_const();
            multiply::<S, R, N, QUERY_STEP>(simd, &mut sums, queries, (panel, 2 * S::LANES), self.shape.head_dim);
            if left < N * S::LANES {
                let left = (left - (N - 1) * S::LANES) as isize;
                for row in &mut sums {
                    row[N - 1] = simd.keep(row[N - 1], 0, left, simd.splat(f32::NEG_INFINITY));
                }
            }
            put(simd, &sums, to, SCORE_STEP, N * S::LANES);
        }
    }

    /// Adds the weighted values of `keys` to the tile's result.
    #[inline(always)]
    fn mix<S: Simd, const R: usize>(
        &self,
        simd: S,
        keys: &Range<usize>,
        place: Place,
        factors: (&[f32; R], &[Running; R]),
        out: Target,
    ) {
        let dim = self.shape.head_dim;
        for column in (0..dim).step_by(2 * S::LANES) {
            if dim - column > S::LANES {
                self.mix_columns::<S, R, 2>(simd, keys, place, factors, (column, out));
            } else {
                self.mix_columns::<S, R, 1>(simd, keys, place, factors, (column, out));
            }
        }
    }

    #[inline(always)]
    fn mix_columns<S: Simd, const R: usize, const N: usize>(
        &self,
        simd: S,
        keys: &Range<usize>,
        place: Place,
        (earlier, running): (&[f32; R], &[Running; R]),
        (column, out): (usize, Target),
    ) {
        let Buffers { values, scores, sums: kept, value_row, .. } = *self.buffers;
        let width = (self.shape.head_dim - column).min(N * S::LANES);
        // SAFETY: values are whole vectors per row; `out` has this head's columns in all rows of
        // the tile; a row of `kept` holds the widest head.
        unsafe {
            let kept = kept.add(column);
            let mut sums = [[simd.splat(0.0); N]; R];
            if !place.first {
                for r in 0..R {
                    for (n, sum) in sums[r].iter_mut().enumerate() {
                        let before = simd.load(kept.add(r * MOST_HEAD_DIM + n * S::LANES));
                        *sum = simd.mul(before, simd.splat(earlier[r]));
                    }
                }
            }
            let from = (values.cast_const().add(keys.start * value_row + column), value_row);
            multiply::<S, R, N, SCORE_STEP>(simd, &mut sums, scores, from, keys.len());
            if !place.last {
                put(simd, &sums, kept, MOST_HEAD_DIM, N * S::LANES);
                return;
            }
            for (sums, running) in sums.iter_mut().zip(running) {
                let share = simd.splat(1.0 / running.total);
                for sum in sums {
                    *sum = simd.mul(*sum, share);
                }
            }
            put(simd, &sums, out.first.add(column), out.row, width);
        }
    }
}

/// `sums[r][n] += a[r][k] * b[k][n]` for all `k` below `depth`, in order. Rows of `a` are `STEP`
/// floats apart, rows of `b` as many as its second part says.
///
/// # Safety
/// `a` is readable for `R` rows of `depth` floats, `b` for `depth` rows of `N` vectors.
#[inline(always)]
unsafe fn multiply<S: Simd, const R: usize, const N: usize, const STEP: usize>(
    simd: S,
    sums: &mut [[S::V; N]; R],
    a: *const f32,
    (b, b_step): (*const f32, usize),
    depth: usize,
) {
    let mut state = *sums;
    for k in 0..depth {
        // SAFETY: inside the rows that the caller vouches for.
        unsafe {
            let mut row = [simd.splat(0.0); N];
            for (n, v) in row.iter_mut().enumerate() {
                *v = simd.load(b.add(k * b_step + n * S::LANES));
            }
            for (r, sums) in state.iter_mut().enumerate() {
                let factor = simd.splat(*a.add(r * STEP + k));
                for (sum, v) in sums.iter_mut().zip(row) {
                    *sum = simd.fma(factor, v, *sum);
                }
            }
        }
    }
    *sums = state;
}

/// Stores the first `width` floats of every row, `step` floats apart.
///
/// # Safety
/// `to` is writable there; `width` is at most `N` vectors and more than `N - 1`.
#[inline(always)]
unsafe fn put<S: Simd, const R: usize, const N: usize>(
    simd: S,
    sums: &[[S::V; N]; R],
    to: *mut f32,
    step: usize,
    width: usize,
) {
    for (r, row) in sums.iter().enumerate() {
        for (n, sum) in row.iter().enumerate() {
            // SAFETY: as the caller says.
            unsafe {
                let at = to.add(r * step + n * S::LANES);
                if width >= (n + 1) * S::LANES {
                    simd.store(at, *sum);
                } else {
                    simd.store_part(at, width - n * S::LANES, *sum);
                }
            }
        }
    }
}
