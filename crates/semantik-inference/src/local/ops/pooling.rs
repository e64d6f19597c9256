//! From the states of a sequence to its one vector, and vectors to unit length.

use crate::local::isa::{Isa, Kernel};
use crate::local::ops::norm::{add_row, total};
use crate::local::simd::Simd;

/// Which states make up the vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pooling {
    /// The mean of all.
    Mean,
    /// The first.
    Cls,
    /// The last.
    Last,
}

impl Pooling {
    /// The name in `sentence-transformers`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::Cls => "cls",
            Self::Last => "lasttoken",
        }
    }

    /// One vector per sequence. `states` is `[tokens, width]`, `out` is `[sequences, width]`;
    /// sequence `s` is the tokens `offsets[s]..offsets[s + 1]`. A sequence without tokens gives 0.
    ///
    /// # Panics
    /// When the sizes do not fit.
    pub(crate) fn apply(self, isa: Isa, states: &[f32], width: usize, offsets: &[usize], out: &mut [f32]) {
        assert_eq!(out.len(), offsets.len().saturating_sub(1) * width);
        for (pair, vector) in offsets.windows(2).zip(out.chunks_exact_mut(width)) {
            let rows = &states[pair[0] * width..pair[1] * width];
            let taken = match self {
                Self::Mean => rows,
                Self::Cls => &rows[..width.min(rows.len())],
                Self::Last => &rows[rows.len().saturating_sub(width)..],
            };
            isa.run(Mean { rows: taken, vector });
        }
    }
}

/// Gives each row of `rows`, `[count, width]`, the length 1; a row of zeros stays.
///
/// # Panics
/// When `rows` are not whole rows.
pub(crate) fn normalise(isa: Isa, rows: &mut [f32], width: usize) {
    assert!(rows.len().is_multiple_of(width));
    isa.run(Normalise { rows, width });
}

struct Mean<'a> {
    rows: &'a [f32],
    vector: &'a mut [f32],
}

impl Kernel for Mean<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let width = self.vector.len();
        self.vector.fill(0.0);
        for row in self.rows.chunks_exact(width) {
            // SAFETY: both are `width` floats.
            unsafe { add_row(simd, self.vector.as_mut_ptr(), row.as_ptr(), width) };
        }
        let count = self.rows.len() / width;
        if count > 1 {
            scale(simd, self.vector, 1.0 / count as f32);
        }
    }
}

struct Normalise<'a> {
    rows: &'a mut [f32],
    width: usize,
}

impl Kernel for Normalise<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        for row in self.rows.chunks_exact_mut(self.width) {
            // SAFETY: the row is `width` floats.
            let squares = unsafe { total::<S, true>(simd, row.as_ptr(), self.width, 0.0) };
            scale(simd, row, 1.0 / squares.sqrt().max(1e-12));
        }
    }
}

#[inline(always)]
fn scale<S: Simd>(simd: S, row: &mut [f32], factor: f32) {
    let factor = simd.splat(factor);
    for part in row.chunks_mut(S::LANES) {
        // SAFETY: a chunk is at most `LANES` floats.
        unsafe {
            let v = simd.load_part(part.as_ptr(), part.len());
            simd.store_part(part.as_mut_ptr(), part.len(), simd.mul(v, factor));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Pooling, normalise};
    use crate::local::isa::Isa;
    use crate::local::ops::testing::{noise, worst};

    const OFFSETS: [usize; 5] = [0, 1, 1, 18, 30];

    #[test]
    fn every_pooling_takes_its_states() {
        for width in 1..=70 {
            let states = noise(width as u64, 30 * width);
            for isa in Isa::available() {
                for pooling in [Pooling::Mean, Pooling::Cls, Pooling::Last] {
                    let mut out = vec![f32::NAN; 4 * width];
                    pooling.apply(isa, &states, width, &OFFSETS, &mut out);
                    let expected: Vec<f64> = (0..4 * width)
                        .map(|at| {
                            let (tokens, column) = (OFFSETS[at / width]..OFFSETS[at / width + 1], at % width);
                            let taken = match pooling {
                                Pooling::Mean => tokens,
                                Pooling::Cls => tokens.start..tokens.end.min(tokens.start + 1),
                                Pooling::Last => tokens.end.saturating_sub(1).max(tokens.start)..tokens.end,
                            };
                            let count = taken.len().max(1) as f64;
                            taken.map(|token| f64::from(states[token * width + column])).sum::<f64>() / count
                        })
                        .collect();
                    assert!(worst(&out, &expected) < 3e-7, "{} {pooling:?} {width}", isa);
                }
            }
        }
    }

    #[test]
    fn rows_get_length_one_and_zeros_stay() {
        for width in (1..=70).chain([384]) {
            let mut rows = noise(width as u64, 3 * width);
            rows[width..2 * width].fill(0.0);
            let lengths: Vec<f64> =
                rows.chunks(width).map(|row| row.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt()).collect();
            let expected: Vec<f64> =
                rows.iter().enumerate().map(|(at, x)| f64::from(*x) / lengths[at / width].max(1e-12)).collect();
            for isa in Isa::available() {
                let mut found = rows.clone();
                normalise(isa, &mut found, width);
                assert!(worst(&found, &expected) < 3e-7);
            }
        }
    }
}
