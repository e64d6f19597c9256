//! Layer norm and RMS norm, with the residual sum in the same pass.
//!
//! Mean and variance are taken in two passes over a row that is then in the first-level cache; the
//! one-pass formula loses digits where the mean is large. A row is done by itself: its result does
//! not depend on other rows.

use crate::local::isa::{Isa, Kernel};
use crate::local::simd::Simd;

/// A norm over rows as wide as `weight`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Norm<'a> {
    pub kind: Kind<'a>,
    /// `[width]`: the factor of each column.
    pub weight: &'a [f32],
    /// What is added to the variance, or to the mean of squares.
    pub epsilon: f32,
}

/// What a row is freed of.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind<'a> {
    /// Of its mean and its variance; `bias` is `[width]`, empty for none.
    Layer { bias: &'a [f32] },
    /// Of its root mean square.
    Rms,
}

impl Norm<'_> {
    /// `rows = norm(rows + added)`, as BERT does after each part. Both are `[tokens, width]`;
    /// `added` may be empty for a norm alone.
    ///
    /// # Panics
    /// When the sizes differ, or are not whole rows.
    pub(crate) fn after(&self, isa: Isa, rows: &mut [f32], added: &[f32]) {
        let (added, floats) = (self.check(rows, added), rows.len());
        let first = rows.as_mut_ptr();
        self.run(isa, Rows { norm: self, stream: first, added, out: first, count: 0, step: 0 }, floats);
    }

    /// `stream += added; out = norm(stream)`, as models with the norm before each part do. All are
    /// `[tokens, width]`; `added` may be empty.
    ///
    /// # Panics
    /// When the sizes differ, or are not whole rows.
    pub(crate) fn before(&self, isa: Isa, stream: &mut [f32], added: &[f32], out: &mut [f32]) {
        assert_eq!(stream.len(), out.len());
        let (added, floats) = (self.check(stream, added), stream.len());
        let (stream, out) = (stream.as_mut_ptr(), out.as_mut_ptr());
        self.run(isa, Rows { norm: self, stream, added, out, count: 0, step: 0 }, floats);
    }

    /// Norms each of `heads` neighbouring groups of `width` columns by itself, from `column` of
    /// each row on. `rows` is `[tokens, row]`.
    ///
    /// # Panics
    /// When the groups do not fit into a row.
    pub(crate) fn heads(&self, isa: Isa, rows: &mut [f32], row: usize, column: usize, heads: usize) {
        let width = self.weight.len();
        self.check(&[], &[]);
        assert!(column + heads * width <= row && rows.len().is_multiple_of(row));
        for token in rows.chunks_exact_mut(row) {
            self.after(isa, &mut token[column..column + heads * width], &[]);
        }
    }

    fn check(&self, rows: &[f32], added: &[f32]) -> *const f32 {
        let width = self.weight.len();
        assert!(width > 0 && rows.len().is_multiple_of(width));
        assert!(added.is_empty() || added.len() == rows.len());
        if let Kind::Layer { bias } = self.kind {
            assert!(bias.is_empty() || bias.len() == width);
        }
        if added.is_empty() { std::ptr::null() } else { added.as_ptr() }
    }

    fn run(&self, isa: Isa, rows: Rows, floats: usize) {
        let step = self.weight.len();
        isa.run(Rows { count: floats / step, step, ..rows });
    }
}

/// `count` rows, `step` floats apart, of three buffers of the same layout.
struct Rows<'a> {
    norm: &'a Norm<'a>,
    stream: *mut f32,
    /// Null for none.
    added: *const f32,
    /// May be `stream`.
    out: *mut f32,
    count: usize,
    step: usize,
}

impl Kernel for Rows<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        for row in 0..self.count {
            let at = row * self.step;
            // SAFETY: the buffers hold `count` rows; `Norm::check` saw to it.
            unsafe {
                let added = if self.added.is_null() { self.added } else { self.added.add(at) };
                norm_row(simd, self.norm, self.stream.add(at), added, self.out.add(at));
            }
        }
    }
}

/// One row: `stream += added; out = norm(stream)`; `added` may be null, `out` may be `stream`.
///
/// # Safety
/// All three are valid for as many floats as the norm is wide.
#[inline(always)]
pub(crate) unsafe fn norm_row<S: Simd>(simd: S, norm: &Norm, stream: *mut f32, added: *const f32, out: *mut f32) {
    let width = norm.weight.len();
    // SAFETY: as the caller says; the weight and a bias that is not empty are as wide.
    unsafe {
        if !added.is_null() {
            add_row(simd, stream, added, width);
        }
        let (mean, bias) = match norm.kind {
            Kind::Layer { bias } => (total::<S, false>(simd, stream, width, 0.0) / width as f32, bias),
            Kind::Rms => (0.0, [].as_slice()),
        };
        let variance = total::<S, true>(simd, stream, width, mean) / width as f32;
        let (mean, factor) = (simd.splat(mean), simd.splat(1.0 / (variance + norm.epsilon).sqrt()));
        let whole = width / S::LANES * S::LANES;
        for at in (0..whole).step_by(S::LANES) {
            let centred = simd.mul(simd.sub(simd.load(stream.add(at)), mean), factor);
            let weight = simd.load(norm.weight.as_ptr().add(at));
            let result = if bias.is_empty() {
                simd.mul(centred, weight)
            } else {
                simd.fma(centred, weight, simd.load(bias.as_ptr().add(at)))
            };
            simd.store(out.add(at), result);
        }
        let rest = width - whole;
        if rest > 0 {
            let centred = simd.mul(simd.sub(simd.load_part(stream.add(whole), rest), mean), factor);
            let weight = simd.load_part(norm.weight.as_ptr().add(whole), rest);
            let result = if bias.is_empty() {
                simd.mul(centred, weight)
            } else {
                simd.fma(centred, weight, simd.load_part(bias.as_ptr().add(whole), rest))
            };
            simd.store_part(out.add(whole), rest, result);
        }
    }
}

/// `to[..width] += from[..width]`.
///
/// # Safety
/// Both are valid for `width` floats.
#[inline(always)]
pub(crate) unsafe fn add_row<S: Simd>(simd: S, to: *mut f32, from: *const f32, width: usize) {
    let whole = width / S::LANES * S::LANES;
    // SAFETY: as the caller says.
    unsafe {
        for at in (0..whole).step_by(S::LANES) {
            simd.store(to.add(at), simd.add(simd.load(to.add(at)), simd.load(from.add(at))));
        }
        let rest = width - whole;
        if rest > 0 {
            let sum = simd.add(simd.load_part(to.add(whole), rest), simd.load_part(from.add(whole), rest));
            simd.store_part(to.add(whole), rest, sum);
        }
    }
}

/// The sum of `row - mean`, or of its squares, in four interleaved chains.
///
/// # Safety
/// `row` is readable for `width` floats.
#[inline(always)]
pub(crate) unsafe fn total<S: Simd, const SQUARES: bool>(simd: S, row: *const f32, width: usize, mean: f32) -> f32 {
    let mean = simd.splat(mean);
    let mut sums = [simd.splat(0.0); 4];
    let more = |sum: S::V, v: S::V| if SQUARES { simd.fma(v, v, sum) } else { simd.add(sum, v) };
    let mut at = 0;
    // SAFETY: as the caller says.
    unsafe {
        while at + 4 * S::LANES <= width {
            for (i, sum) in sums.iter_mut().enumerate() {
                *sum = more(*sum, simd.sub(simd.load(row.add(at + i * S::LANES)), mean));
            }
            at += 4 * S::LANES;
        }
        while at < width {
            let count = (width - at).min(S::LANES);
            let v = simd.sub(simd.load_part(row.add(at), count), mean);
            sums[0] = more(sums[0], simd.keep(v, 0, count as isize, simd.splat(0.0)));
            at += S::LANES;
        }
    }
    simd.sum(simd.add(simd.add(sums[0], sums[1]), simd.add(sums[2], sums[3])))
}

#[cfg(test)]
mod tests {
    use super::{Kind, Norm};
    use crate::local::isa::Isa;
    use crate::local::ops::testing::{noise, worst};

    fn reference(norm: &Norm, row: &[f32], added: &[f32]) -> Vec<f64> {
        let n = row.len() as f64;
        let sums: Vec<f64> =
            row.iter().enumerate().map(|(i, x)| f64::from(*x + added.get(i).copied().unwrap_or(0.0))).collect();
        let (mean, bias) = match norm.kind {
            Kind::Layer { bias } => (sums.iter().sum::<f64>() / n, bias),
            Kind::Rms => (0.0, [].as_slice()),
        };
        let variance = sums.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / n;
        let factor = 1.0 / (variance + f64::from(norm.epsilon)).sqrt();
        let end = |i: usize| bias.get(i).map_or(0.0, |b| f64::from(*b));
        sums.iter().enumerate().map(|(i, x)| (x - mean) * factor * f64::from(norm.weight[i]) + end(i)).collect()
    }

    #[test]
    fn every_width_and_kind_agrees_with_the_reference() {
        for width in (1..=80).chain([384, 768, 1000, 1024]) {
            let (weight, bias) = (noise(1, width), noise(2, width));
            for kind in [Kind::Layer { bias: &bias }, Kind::Layer { bias: &[] }, Kind::Rms] {
                let norm = Norm { kind, weight: &weight, epsilon: 1e-6 };
                let (rows, added) = (noise(3, 3 * width), noise(4, 3 * width));
                let expected: Vec<f64> = (0..3)
                    .flat_map(|r| reference(&norm, &rows[r * width..][..width], &added[r * width..][..width]))
                    .collect();
                for isa in Isa::available() {
                    let mut found = rows.clone();
                    norm.after(isa, &mut found, &added);
                    // Two columns that are nearly equal make the norm itself ill-conditioned.
                    let allowed = if width < 4 { 2e-4 } else { 4e-6 };
                    let error = worst(&found, &expected);
                    assert!(error < allowed, "{} {width} {kind:?}: {error}", isa);
                    let (mut stream, mut out) = (rows.clone(), vec![0.0; rows.len()]);
                    norm.before(isa, &mut stream, &added, &mut out);
                    assert!(out == found && stream.iter().zip(&rows).zip(&added).all(|((s, x), y)| *s == x + y));
                }
            }
        }
    }

    #[test]
    fn a_large_mean_costs_no_digits() {
        let weight = vec![1.0; 384];
        let norm = Norm { kind: Kind::Layer { bias: &[] }, weight: &weight, epsilon: 1e-12 };
        let row: Vec<f32> = noise(5, 384).iter().map(|x| x + 1000.0).collect();
        for isa in Isa::available() {
            let mut found = row.clone();
            norm.after(isa, &mut found, &[]);
            assert!(worst(&found, &reference(&norm, &row, &[])) < 2e-4);
        }
    }

    #[test]
    fn heads_are_normed_one_by_one_and_the_rest_is_left() {
        let weight = noise(6, 24);
        let norm = Norm { kind: Kind::Rms, weight: &weight, epsilon: 1e-6 };
        let rows = noise(7, 2 * 100);
        for isa in Isa::available() {
            let mut found = rows.clone();
            norm.heads(isa, &mut found, 100, 5, 3);
            for (token, before) in found.chunks(100).zip(rows.chunks(100)) {
                assert!(token[..5] == before[..5] && token[77..] == before[77..]);
                for head in 0..3 {
                    let part = 5 + 24 * head..29 + 24 * head;
                    assert!(worst(&token[part.clone()], &reference(&norm, &before[part], &[])) < 2e-6);
                }
            }
        }
    }

    #[test]
    fn a_row_has_the_same_bits_alone() {
        let weight = noise(8, 100);
        let norm = Norm { kind: Kind::Layer { bias: &weight }, weight: &weight, epsilon: 1e-6 };
        let rows = noise(9, 17 * 100);
        for isa in Isa::available() {
            let mut together = rows.clone();
            norm.after(isa, &mut together, &[]);
            for (row, found) in rows.chunks(100).zip(together.chunks(100)) {
                let mut alone = row.to_vec();
                norm.after(isa, &mut alone, &[]);
                assert!(alone == found);
            }
        }
    }
}
