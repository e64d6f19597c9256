//! Functions of one number, a vector at a time: powers of two, GELU, SiLU.
//!
//! Invariant: no branches and no tables, so a lane's result does not depend on its neighbours.

use crate::local::ops::simd::Simd;

/// `log2(e)`.
pub(crate) const LOG2_E: f32 = std::f32::consts::LOG2_E;

/// 2^f on -0.5..=0.5, minimax, relative error 7.5e-8 before rounding.
const EXP2: [f32; 6] = [1.000_000_1, 0.693_146_94, 0.240_221_2, 0.055_507_13, 0.009_675_541, 0.001_327_647_1];

/// log2(erfc(u / sqrt 2) / 2) on 0..=5.5, minimax for the weight u * erfc(u / sqrt 2) / 2.
const LOG2_TAIL: [f32; 9] = [
    -0.999_998_87,
    -1.151_123_3,
    -0.459_115_45,
    -0.052_714_21,
    0.007_333_396_5,
    -0.000_323_350_9,
    -0.000_114_459_26,
    2.508_261_4e-5,
    -1.690_344_8e-6,
];

/// Horner's rule: the fewest operations, for where many chains run side by side.
#[inline(always)]
fn polynomial<S: Simd, const N: usize>(simd: S, coefficients: [f32; N], x: S::V) -> S::V {
    let mut sum = simd.splat(coefficients[N - 1]);
    for i in (0..N - 1).rev() {
        sum = simd.fma(sum, x, simd.splat(coefficients[i]));
    }
    sum
}

/// Pairs of terms first and then pairs of pairs: about as many operations as Horner's rule, in a
/// chain half as long.
#[inline(always)]
fn polynomial_by_pairs<S: Simd, const N: usize>(simd: S, coefficients: [f32; N], x: S::V) -> S::V {
    let square = simd.mul(x, x);
    let fourth = simd.mul(square, square);
    let pair = |at: usize| match N - at {
        1 => simd.splat(coefficients[at]),
        _ => simd.fma(simd.splat(coefficients[at + 1]), x, simd.splat(coefficients[at])),
    };
    let four = |at: usize| if N - at > 2 { simd.fma(pair(at + 2), square, pair(at)) } else { pair(at) };
    let last = (N - 1) / 4 * 4;
    let mut sum = four(last);
    for at in (0..last).step_by(4).rev() {
        sum = simd.fma(sum, fourth, four(at));
    }
    sum
}

/// `2^x` for `x` of at most 127, relative error below 3e-7 from -126 on; exactly 0 for
/// minus infinity and all that is below -160.
#[inline(always)]
pub(crate) fn exp2<S: Simd>(simd: S, x: S::V) -> S::V {
    let x = simd.max(x, simd.splat(S::LEAST_EXPONENT));
    let n = simd.round(x);
    simd.scale(polynomial(simd, EXP2, simd.sub(x, n)), n)
}

/// `1 / (1 + e^-x)`.
#[inline(always)]
fn logistic<S: Simd>(simd: S, x: S::V) -> S::V {
    let power = simd.min(simd.mul(x, simd.splat(-LOG2_E)), simd.splat(126.0));
    simd.div(simd.splat(1.0), simd.add(simd.splat(1.0), exp2(simd, power)))
}

/// `x / 2 * (1 + erf(x / sqrt 2))`, absolute error below 2e-7 for |x| up to 1 and below 2e-7 |x| beyond.
#[inline(always)]
pub(crate) fn gelu<S: Simd>(simd: S, x: S::V) -> S::V {
    // max(x, 0) less the tail |x| * erfc(|x| / sqrt 2) / 2, which is a power of a polynomial.
    let size = simd.min(simd.abs(x), simd.splat(5.5));
    let tail = exp2(simd, polynomial_by_pairs(simd, LOG2_TAIL, size));
    let positive = simd.max(x, simd.splat(0.0));
    simd.sub(positive, simd.mul(size, tail))
}

/// `x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3)))`.
#[inline(always)]
pub(crate) fn gelu_tanh<S: Simd>(simd: S, x: S::V) -> S::V {
    // 1 + tanh(z) is 2 * logistic(2 z).
    let slope = simd.fma(simd.mul(x, x), simd.splat(2.0 * 0.797_884_6 * 0.044_715), simd.splat(2.0 * 0.797_884_6));
    simd.mul(x, logistic(simd, simd.mul(x, slope)))
}

/// `x / (1 + e^-x)`.
#[inline(always)]
pub(crate) fn silu<S: Simd>(simd: S, x: S::V) -> S::V {
    simd.mul(x, logistic(simd, x))
}

#[cfg(test)]
mod tests {
    use super::exp2;
    use crate::local::ops::isa::Isa;
    use crate::local::ops::isa::Kernel;
    use crate::local::ops::simd::Simd;

    struct Powers<'a>(&'a mut [f32]);

    impl Kernel for Powers<'_> {
        #[inline(always)]
        fn run<S: Simd>(self, simd: S) {
            for part in self.0.chunks_mut(S::LANES) {
                // SAFETY: a chunk is at most `LANES` floats.
                unsafe {
                    let v = simd.load_part(part.as_ptr(), part.len());
                    simd.store_part(part.as_mut_ptr(), part.len(), exp2(simd, v));
                }
            }
        }
    }

    #[test]
    fn powers_of_two_are_exact_to_three_parts_in_ten_million_and_vanish_far_down() {
        let inputs: Vec<f32> = (-1_260_000..=1_270_000).map(|i| i as f32 / 10_000.0).collect();
        for isa in Isa::available() {
            let mut found = inputs.clone();
            isa.run(Powers(&mut found));
            for (x, y) in inputs.iter().zip(&found) {
                let expected = f64::from(*x).exp2();
                assert!((f64::from(*y) / expected - 1.0).abs() < 3e-7, "{} {x}: {y}", isa.name());
            }
            let mut far = [-127.0, -128.0, -1e30, f32::NEG_INFINITY];
            isa.run(Powers(&mut far));
            assert!(far[..2].iter().all(|y| (0.0..f32::MIN_POSITIVE).contains(y)), "{} {far:?}", isa.name());
            assert!(far[2..] == [0.0, 0.0], "{} {far:?}", isa.name());
        }
    }
}
