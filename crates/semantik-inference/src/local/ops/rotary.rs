//! Rotary positions in the half-split form (NeoX, Qwen): column `i` turns with column `i + dim / 2`.

use crate::local::isa::{Isa, Kernel};
use crate::local::simd::Simd;

/// Cosines and sines of every position, made once at load.
#[derive(Debug)]
pub(crate) struct Rotary {
    /// `[positions, dim / 2]`.
    cosines: Vec<f32>,
    /// `[positions, dim / 2]`.
    sines: Vec<f32>,
    half: usize,
}

/// Where the heads lie in rows that also hold something else.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Columns {
    /// Floats from row to row.
    pub row: usize,
    /// The first head's first column.
    pub first: usize,
    /// Neighbouring heads.
    pub heads: usize,
    /// Floats per head; the rotary dimension at least. Columns beyond that stay as they are.
    pub head_dim: usize,
}

impl Rotary {
    /// Tables for `positions` positions: column `i` of `dim / 2` turns by `base^(-2 i / dim)` per token.
    ///
    /// # Panics
    /// When `dim` is odd.
    pub(crate) fn new(base: f64, dim: usize, positions: usize) -> Self {
        Self::stretched(base, 1.0, dim, positions)
    }

    /// The same with every angle divided by `stretch`.
    ///
    /// # Panics
    /// As [`Self::new`].
    pub(crate) fn stretched(base: f64, stretch: f64, dim: usize, positions: usize) -> Self {
        assert!(dim.is_multiple_of(2), "a rotary dimension of {dim} has no halves");
        let half = dim / 2;
        let angle = |at: usize| {
            let (position, column) = (at / half, at % half);
            position as f64 * base.powf(-2.0 * column as f64 / dim as f64) / stretch
        };
        let cosines = (0..positions * half).map(|at| angle(at).cos() as f32).collect();
        let sines = (0..positions * half).map(|at| angle(at).sin() as f32).collect();
        Self { cosines, sines, half }
    }

    /// Cosines and sines, `[positions, dim / 2]` each.
    pub(crate) fn tables(&self) -> (&[f32], &[f32]) {
        (&self.cosines, &self.sines)
    }

    /// Turns the heads in `columns` of every token by its position in its sequence. `rows` is
    /// `[tokens, columns.row]`; sequence `s` is the tokens `offsets[s]..offsets[s + 1]`.
    ///
    /// # Panics
    /// When the columns do not fit into a row, or a sequence is longer than the tables.
    pub(crate) fn apply(&self, isa: Isa, rows: &mut [f32], columns: Columns, offsets: &[usize]) {
        assert!(columns.first + columns.heads * columns.head_dim <= columns.row);
        assert!(2 * self.half <= columns.head_dim);
        for pair in offsets.windows(2) {
            let length = pair[1] - pair[0];
            assert!(length * self.half <= self.cosines.len(), "{length} tokens are more than the tables have");
            let rows = &mut rows[pair[0] * columns.row..pair[1] * columns.row];
            isa.run(Turn { table: self, rows, columns });
        }
    }
}

/// One sequence.
struct Turn<'a> {
    table: &'a Rotary,
    rows: &'a mut [f32],
    columns: Columns,
}

impl Kernel for Turn<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { table, rows, columns } = self;
        let half = table.half;
        for (position, row) in rows.chunks_exact_mut(columns.row).enumerate() {
            for head in 0..columns.heads {
                // SAFETY: `apply` checked that heads fit rows and positions the tables.
                unsafe {
                    let left = row.as_mut_ptr().add(columns.first + head * columns.head_dim);
                    let right = left.add(half);
                    let cosines = table.cosines.as_ptr().add(position * half);
                    let sines = table.sines.as_ptr().add(position * half);
                    for at in (0..half).step_by(S::LANES) {
                        let count = (half - at).min(S::LANES);
                        let (a, b) = (simd.load_part(left.add(at), count), simd.load_part(right.add(at), count));
                        let (c, s) = (simd.load_part(cosines.add(at), count), simd.load_part(sines.add(at), count));
                        simd.store_part(left.add(at), count, simd.sub(simd.mul(a, c), simd.mul(b, s)));
                        simd.store_part(right.add(at), count, simd.add(simd.mul(b, c), simd.mul(a, s)));
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Columns, Rotary};
    use crate::local::isa::Isa;
    use crate::local::ops::testing::noise;

    #[test]
    fn a_stretched_table_passes_the_angles_of_a_plain_one_later() {
        let (plain, late) = (Rotary::new(100.0, 8, 5), Rotary::stretched(100.0, 4.0, 8, 17));
        for (position, row) in plain.sines.chunks(4).enumerate() {
            assert_eq!(row, &late.sines[16 * position..][..4]);
        }
    }

    #[test]
    fn every_size_turns_as_the_reference_does_and_the_rest_is_left() {
        for half in 1..=40 {
            let dim = 2 * half;
            let columns = Columns { row: 5 + 2 * (dim + 3) + 4, first: 5, heads: 2, head_dim: dim + 3 };
            let offsets = [0, 9, 9, 13];
            let rows = noise(half as u64, 13 * columns.row);
            let rotary = Rotary::new(10_000.0, dim, 9);
            for isa in Isa::available() {
                let mut found = rows.clone();
                rotary.apply(isa, &mut found, columns, &offsets);
                let mut expected: Vec<f64> = rows.iter().copied().map(f64::from).collect();
                for token in 0..13 {
                    let position = if token < 9 { token } else { token - 9 } as f64;
                    for at in 0..2 * half {
                        let (head, i) = (at / half, at % half);
                        let left = token * columns.row + 5 + head * (dim + 3) + i;
                        let angle = position * 10_000f64.powf(-2.0 * i as f64 / dim as f64);
                        let (a, b) = (expected[left], expected[left + half]);
                        expected[left] = a * angle.cos() - b * angle.sin();
                        expected[left + half] = b * angle.cos() + a * angle.sin();
                    }
                }
                assert!(crate::local::ops::testing::worst(&found, &expected) < 3e-7, "{} {half}", isa);
            }
        }
    }
}
