//! Attention over ragged sequences: softmax(Q K^T) V for every head of every sequence by itself.
//!
//! There is no padding between sequences and none is computed: a sequence costs its own length
//! squared. Queries come already multiplied by `log2(e) / sqrt(head_dim)` (folded into the weights
//! at load), so the softmax works in powers of two.
//!
//! Invariants: a token's result is bit for bit the same whatever sequences are beside its own and
//! however the heads are divided over threads. Scores live in a tile of at most
//! [`tile::ROWS`] x [`tile::BLOCK`] floats; longer sequences are folded in block after block.

mod packing;
mod softmax;
#[cfg(test)]
mod tests;
mod tile;

use std::marker::PhantomData;
use std::ops::Range;

use crate::local::isa::{Isa, Kernel};
use crate::local::simd::Simd;
pub(crate) use packing::Scratch;

/// The widest head that is supported, in floats.
pub(crate) const MOST_HEAD_DIM: usize = 256;

/// What does not change from call to call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape<'a> {
    /// Query heads.
    pub heads: usize,
    /// Key and value heads; a divisor of `heads`. Head `h` reads pair `h / (heads / kv_heads)`.
    pub kv_heads: usize,
    /// Floats per head: a multiple of 8 up to [`MOST_HEAD_DIM`].
    pub head_dim: usize,
    /// A token sees itself and earlier tokens only.
    pub causal: bool,
    /// A token sees only tokens at most this far away.
    pub window: Option<usize>,
    /// What is added to the scores.
    pub bias: Option<Bias<'a>>,
}

/// Bias by head and relative distance, `log2(e)` already multiplied in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bias<'a> {
    /// `[heads, 2 * reach - 1]`; the entry `reach - 1 + key - query` of a row is added.
    pub rows: &'a [f32],
    /// The longest sequence that the rows cover.
    pub reach: usize,
}

impl Shape<'_> {
    /// Floats of one row of the fused input: queries, keys, values.
    pub(crate) fn row(&self) -> usize {
        (self.heads + 2 * self.kv_heads) * self.head_dim
    }

    /// Floats of one row of the output.
    pub(crate) fn width(&self) -> usize {
        self.heads * self.head_dim
    }

    /// The keys that token `query` of a sequence of `length` sees.
    #[inline(always)]
    fn seen(&self, query: usize, length: usize) -> Range<usize> {
        let reach = self.window.unwrap_or(length);
        let end = if self.causal { query + 1 } else { length.min(query + reach + 1) };
        query.saturating_sub(reach)..end
    }
}

/// Some heads' columns of the output `[tokens, heads * head_dim]`.
///
/// Parts made by [`Heads::part`] share no column, so several threads may fill them at once.
#[derive(Debug)]
pub(crate) struct Heads<'a> {
    first: *mut f32,
    tokens: usize,
    row: usize,
    head_dim: usize,
    range: Range<usize>,
    owner: PhantomData<&'a mut [f32]>,
}

// SAFETY: a part is the only way to its columns while the borrow of the whole lasts.
unsafe impl Send for Heads<'_> {}
// SAFETY: a shared one gives away parts only, and who takes them answers for their heads.
unsafe impl Sync for Heads<'_> {}

impl<'a> Heads<'a> {
    /// All heads of `out`, `[tokens, heads * head_dim]`.
    ///
    /// # Panics
    /// When `out` is not a whole number of rows.
    pub(crate) fn whole(shape: &Shape, out: &'a mut [f32]) -> Self {
        let row = shape.width();
        assert!(out.len().is_multiple_of(row), "{} floats are no rows of {row}", out.len());
        let tokens = out.len() / row;
        let range = 0..shape.heads;
        Self { first: out.as_mut_ptr(), tokens, row, head_dim: shape.head_dim, range, owner: PhantomData }
    }

    /// Some of its heads.
    ///
    /// # Panics
    /// When they are not in it.
    ///
    /// # Safety
    /// No head is in two parts that are in use at once.
    pub(crate) unsafe fn part(&self, heads: Range<usize>) -> Self {
        assert!(
            self.range.start <= heads.start && heads.end <= self.range.end,
            "{heads:?} are not in {:?}",
            self.range
        );
        Self { range: heads, ..*self }
    }

    /// Where `head` of `token` begins.
    #[inline(always)]
    fn place(&self, token: usize, head: usize) -> *mut f32 {
        debug_assert!(token < self.tokens && self.range.contains(&head));
        // SAFETY: inside the buffer of `tokens` rows of `row` floats.
        unsafe { self.first.add(token * self.row + head * self.head_dim) }
    }
}

/// Fills `out` for every sequence.
///
/// `qkv` is `[tokens, shape.row()]`; sequence `s` is the tokens `offsets[s]..offsets[s + 1]`.
///
/// # Panics
/// When a size does not fit `shape`, or a sequence is longer than the bias reaches.
pub(crate) fn attend(isa: Isa, shape: &Shape, qkv: &[f32], offsets: &[usize], scratch: &mut Scratch, out: Heads) {
    let longest = offsets.windows(2).map(|pair| pair[1].checked_sub(pair[0]).expect("offsets ascend")).max();
    let (Some(longest), Some(&tokens)) = (longest, offsets.last()) else { return };
    assert!(shape.head_dim.is_multiple_of(8) && (8..=MOST_HEAD_DIM).contains(&shape.head_dim));
    assert!(shape.kv_heads > 0 && shape.heads.is_multiple_of(shape.kv_heads));
    assert!(qkv.len() >= tokens * shape.row() && out.tokens >= tokens);
    assert!(out.row == shape.width() && out.head_dim == shape.head_dim);
    if let Some(bias) = shape.bias {
        assert!(longest <= bias.reach && bias.rows.len() >= shape.heads * (2 * bias.reach - 1));
    }
    isa.run(Attend { shape, qkv, offsets, longest, scratch, out });
}

struct Attend<'a> {
    shape: &'a Shape<'a>,
    qkv: &'a [f32],
    offsets: &'a [usize],
    longest: usize,
    scratch: &'a mut Scratch,
    out: Heads<'a>,
}

impl Kernel for Attend<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { shape, qkv, offsets, longest, scratch, out } = self;
        let group = shape.heads / shape.kv_heads;
        let buffers = scratch.buffers::<S>(shape.head_dim, longest);
        for bounds in offsets.windows(2) {
            let length = bounds[1] - bounds[0];
            let rows = &qkv[bounds[0] * shape.row()..bounds[1] * shape.row()];
            let mut packed = None;
            for head in out.range.clone() {
                if packed != Some(head / group) {
                    packed = Some(head / group);
                    packing::pack(simd, shape, rows, head / group, &buffers);
                }
                let sequence = tile::Sequence { shape, rows, length, head, buffers: &buffers };
                let mut row = 0;
                while row < length {
                    row += sequence.step(simd, row, out.place(bounds[0] + row, head), out.row);
                }
            }
        }
    }
}
