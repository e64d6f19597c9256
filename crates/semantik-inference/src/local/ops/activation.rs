//! The curves between the two products of a feed-forward part, alone or as a gate.

use crate::local::ops::functions::{gelu, gelu_tanh, silu};
use crate::local::ops::isa::{Isa, Kernel};
use crate::local::ops::simd::Simd;

/// A curve that is applied to every number by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Activation {
    /// The exact GELU, by the error function.
    Gelu,
    /// GELU by its approximation with tanh.
    GeluTanh,
    /// `x / (1 + e^-x)`.
    Silu,
}

impl Activation {
    /// `values = curve(values)`.
    pub(crate) fn apply(self, isa: Isa, values: &mut [f32]) {
        let (row, out) = (values.len(), values.as_mut_ptr());
        isa.run(Rows { curve: self, from: out.cast_const(), gate: None, out, count: 1, row });
    }

    /// `out = curve(left half) * right half` of each row: SwiGLU, GeGLU. `wide` is
    /// `[tokens, 2 * width]`, `out` is `[tokens, width]`.
    ///
    /// # Panics
    /// When the sizes do not fit.
    pub(crate) fn gate(self, isa: Isa, wide: &[f32], width: usize, out: &mut [f32]) {
        assert!(width > 0 && out.len().is_multiple_of(width) && wide.len() == 2 * out.len());
        let (from, count) = (wide.as_ptr(), out.len() / width);
        isa.run(Rows { curve: self, from, gate: Some(width), out: out.as_mut_ptr(), count, row: width });
    }

    #[inline(always)]
    fn of<S: Simd>(self, simd: S, x: S::V) -> S::V {
        match self {
            Self::Gelu => gelu(simd, x),
            Self::GeluTanh => gelu_tanh(simd, x),
            Self::Silu => silu(simd, x),
        }
    }
}

struct Rows {
    curve: Activation,
    from: *const f32,
    /// How far behind a number the one is that it gates; rows of `from` are then twice as long.
    gate: Option<usize>,
    out: *mut f32,
    count: usize,
    row: usize,
}

impl Kernel for Rows {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        // The curve is chosen here, outside the loops, so that none has a branch.
        match self.curve {
            Activation::Gelu => self.each(simd, Activation::Gelu),
            Activation::GeluTanh => self.each(simd, Activation::GeluTanh),
            Activation::Silu => self.each(simd, Activation::Silu),
        }
    }
}

impl Rows {
    #[inline(always)]
    fn each<S: Simd>(&self, simd: S, curve: Activation) {
        let whole = self.row / S::LANES * S::LANES;
        let step = if self.gate.is_some() { 2 * self.row } else { self.row };
        for row in 0..self.count {
            // SAFETY: `from` holds `count` rows of `step` floats, `out` as many of `row`.
            unsafe {
                let (from, out) = (self.from.add(row * step), self.out.add(row * self.row));
                for at in (0..whole).step_by(S::LANES) {
                    let y = curve.of(simd, simd.load(from.add(at)));
                    let y = self.gate.map_or(y, |gate| simd.mul(y, simd.load(from.add(gate + at))));
                    simd.store(out.add(at), y);
                }
                let rest = self.row - whole;
                if rest > 0 {
                    let y = curve.of(simd, simd.load_part(from.add(whole), rest));
                    let y = self.gate.map_or(y, |gate| simd.mul(y, simd.load_part(from.add(gate + whole), rest)));
                    simd.store_part(out.add(whole), rest, y);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Activation::{self, Gelu, GeluTanh, Silu};
    use crate::local::ops::isa::Isa;
    use crate::local::ops::testing::noise;

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
            Gelu => x / 2.0 * (1.0 + erf(x / std::f64::consts::SQRT_2)),
            GeluTanh => {
                let inner = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x * x * x);
                x / 2.0 * (1.0 + inner.tanh())
            }
            Silu => x / (1.0 + (-x).exp()),
        }
    }

    #[test]
    fn every_curve_agrees_with_the_reference() {
        let inputs: Vec<f32> = (-240_000..=240_000)
            .map(|i| i as f32 / 20_000.0)
            .chain([-1e30, -300.0, -88.0, -0.0, 88.0, 300.0, 1e30])
            .collect();
        for curve in [Gelu, GeluTanh, Silu] {
            for isa in Isa::available() {
                let mut found = inputs.clone();
                curve.apply(isa, &mut found);
                for (x, y) in inputs.iter().zip(&found) {
                    let expected = reference(curve, f64::from(*x));
                    let error = (f64::from(*y) - expected).abs();
                    assert!(
                        error <= 2e-7 * f64::from(x.abs().max(1.0)),
                        "{curve:?} {} {x}: {y} {expected}",
                        isa.name()
                    );
                }
            }
        }
    }

    #[test]
    fn a_gate_is_the_curve_times_the_other_half_in_every_width() {
        for width in 1..=70 {
            let wide = noise(width as u64, 3 * 2 * width);
            for curve in [Gelu, GeluTanh, Silu] {
                for isa in Isa::available() {
                    let mut out = vec![0.0; 3 * width];
                    curve.gate(isa, &wide, width, &mut out);
                    for (row, out) in wide.chunks(2 * width).zip(out.chunks(width)) {
                        let mut left = row[..width].to_vec();
                        curve.apply(isa, &mut left);
                        assert!(left.iter().zip(&row[width..]).map(|(a, b)| a * b).eq(out.iter().copied()));
                    }
                }
            }
        }
    }
}
