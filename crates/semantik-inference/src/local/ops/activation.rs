//! The curves between the two products of a feed-forward part, alone or as a gate.

use crate::local::isa::{Isa, Kernel};
use crate::local::ops::functions::{coarse_gelu, gelu, silu};
use crate::local::simd::Simd;

/// A curve that is applied to every number by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Activation {
    /// The number itself.
    None,
    /// The exact GELU, by the error function, to 2e-7.
    Gelu,
    /// The exact GELU to 2e-5, for what is rounded more coarsely anyway.
    CoarseGelu,
    /// `x / (1 + e^-x)`.
    Silu,
}

/// A rectangle of floats in memory.
#[derive(Clone, Copy)]
pub(crate) struct Block {
    /// The first float of the first row.
    pub(crate) at: *mut f32,
    /// Floats from one row to the next.
    pub(crate) stride: usize,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
}

impl Activation {
    /// `block = curve(block)`.
    ///
    /// # Safety
    /// The block is good for reads and writes.
    pub(crate) unsafe fn apply(self, isa: Isa, block: Block) {
        if self != Self::None {
            isa.run(Curve { activation: self, from: block.at.cast_const(), step: block.stride, gate: None, to: block });
        }
    }

    /// `out = curve(left half) * right half` of each row: SwiGLU, GeGLU. `wide` is
    /// `[tokens, 2 * width]`, `out` is `[tokens, width]`.
    ///
    /// # Panics
    /// When the sizes do not fit.
    pub(crate) fn gate(self, isa: Isa, wide: &[f32], width: usize, out: &mut [f32]) {
        assert!(width > 0 && out.len().is_multiple_of(width) && wide.len() == 2 * out.len());
        let to = Block { at: out.as_mut_ptr(), stride: width, rows: out.len() / width, columns: width };
        isa.run(Curve { activation: self, from: wide.as_ptr(), step: 2 * width, gate: Some(width), to });
    }

    #[inline(always)]
    fn of<S: Simd>(self, simd: S, x: S::V) -> S::V {
        match self {
            Self::None => x,
            Self::Gelu => gelu(simd, x),
            Self::CoarseGelu => coarse_gelu(simd, x),
            Self::Silu => silu(simd, x),
        }
    }
}

struct Curve {
    activation: Activation,
    from: *const f32,
    /// Floats from one row of `from` to the next.
    step: usize,
    /// How far behind a number the one is that it gates.
    gate: Option<usize>,
    /// May begin at `from`.
    to: Block,
}

impl Kernel for Curve {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        // The curve is chosen here, outside the loops, so that none has a branch.
        match self.activation {
            Activation::None => self.each(simd, Activation::None),
            Activation::Gelu => self.each(simd, Activation::Gelu),
            Activation::CoarseGelu => self.each(simd, Activation::CoarseGelu),
            Activation::Silu => self.each(simd, Activation::Silu),
        }
    }
}

impl Curve {
    #[inline(always)]
    fn each<S: Simd>(&self, simd: S, curve: Activation) {
        let Block { at: to, stride, rows, columns } = self.to;
        let whole = columns / S::LANES * S::LANES;
        for row in 0..rows {
            // SAFETY: both places hold `rows` rows, those of `from` the gate too.
            unsafe {
                let (from, to) = (self.from.add(row * self.step), to.add(row * stride));
                for at in (0..whole).step_by(S::LANES) {
                    let y = curve.of(simd, simd.load(from.add(at)));
                    let y = self.gate.map_or(y, |gate| simd.mul(y, simd.load(from.add(gate + at))));
                    simd.store(to.add(at), y);
                }
                let rest = columns - whole;
                if rest > 0 {
                    let y = curve.of(simd, simd.load_part(from.add(whole), rest));
                    let y = self.gate.map_or(y, |gate| simd.mul(y, simd.load_part(from.add(gate + whole), rest)));
                    simd.store_part(to.add(whole), rest, y);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Activation::{self, CoarseGelu, Gelu, None, Silu};
    use super::Block;
    use crate::local::isa::Isa;
    use crate::local::ops::testing::noise;

    const ALL: [Activation; 4] = [None, Gelu, CoarseGelu, Silu];

    /// erf by its series, or by its continued fraction where that is exact.
    fn erf(x: f64) -> f64 {
        if x.abs() > 3.0 {
            let square = x * x;
            let fraction = (1..=60).rev().fold(x.abs(), |below, k| x.abs() + f64::from(k) / 2.0 / below);
            return x.signum() * (1.0 - (-square).exp() / fraction / std::f64::consts::PI.sqrt());
        }
        let (mut term, mut sum) = (x, x);
        for n in 1..80 {
            term *= -x * x / f64::from(n);
            sum += term / f64::from(2 * n + 1);
        }
        sum * 2.0 / std::f64::consts::PI.sqrt()
    }

    fn reference(curve: Activation, x: f64) -> f64 {
        match curve {
            None => x,
            Gelu | CoarseGelu => x / 2.0 * (1.0 + erf(x / std::f64::consts::SQRT_2)),
            Silu => x / (1.0 + (-x).exp()),
        }
    }

    fn apply(curve: Activation, isa: Isa, values: &mut [f32]) {
        let block = Block { at: values.as_mut_ptr(), stride: values.len(), rows: 1, columns: values.len() };
        // SAFETY: the block is the slice.
        unsafe { curve.apply(isa, block) };
    }

    #[test]
    fn every_curve_agrees_with_the_reference() {
        let inputs: Vec<f32> = (-240_000..=240_000)
            .map(|i| i as f32 / 20_000.0)
            .chain([-1e30, -300.0, -88.0, -0.0, 88.0, 300.0, 1e30])
            .collect();
        for curve in ALL {
            let allowed = if curve == CoarseGelu { 2e-5 } else { 2e-7 };
            for isa in Isa::available() {
                let mut found = inputs.clone();
                apply(curve, isa, &mut found);
                for (x, y) in inputs.iter().zip(&found) {
                    let expected = reference(curve, f64::from(*x));
                    // Large results carry the rounding of a float of their own size.
                    let error = (f64::from(*y) - expected).abs() - expected.abs() * 1.2e-7;
                    assert!(error <= allowed, "{curve:?} {isa} {x}: {y} {expected}");
                }
            }
        }
    }

    #[test]
    fn what_is_not_a_number_stays_so() {
        for curve in ALL {
            for isa in Isa::available() {
                let mut found = [1.0, f32::NAN, 2.0];
                apply(curve, isa, &mut found);
                assert!(found[1].is_nan() && found[0].is_finite() && found[2].is_finite(), "{curve:?} {isa}");
            }
        }
    }

    #[test]
    fn a_gate_is_the_curve_times_the_other_half_in_every_width() {
        for width in 1..=70 {
            let wide = noise(width as u64, 3 * 2 * width);
            for curve in ALL {
                for isa in Isa::available() {
                    let mut out = vec![0.0; 3 * width];
                    curve.gate(isa, &wide, width, &mut out);
                    for (row, out) in wide.chunks(2 * width).zip(out.chunks(width)) {
                        let mut left = row[..width].to_vec();
                        apply(curve, isa, &mut left);
                        assert!(left.iter().zip(&row[width..]).map(|(a, b)| a * b).eq(out.iter().copied()));
                    }
                }
            }
        }
    }
}
