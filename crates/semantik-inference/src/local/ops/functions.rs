//! Functions of one number, a vector at a time: powers of two, GELU, SiLU.
//!
//! Invariant: no branches and no tables, so a lane's result does not depend on its neighbours.
//! The coefficients are minimax fits, the constant first; the bounds are tested against 64-bit
//! arithmetic.
//!
//! GELU is written as `max(x, 0) - |x| Phi(-|x|)`: the second term is small, falls to nothing at
//! both ends, and is all that must be approximated.

use crate::local::simd::Simd;

/// `2^f` for `|f| <= 1/2`, relative error 7.5e-8 before rounding.
const EXP2: [f32; 6] = [1.000_000_1, 0.693_146_94, 0.240_221_2, 0.055_507_13, 0.009_675_541, 0.001_327_647_1];
/// Beyond this |x| the small term of GELU is below 1e-7.
const GELU_END: f32 = 5.8;
/// `log2 Phi(-t)` for `0 <= t <= 5.8`.
const LOG2_PHI: [f32; 8] = [
    -9.999_961e-1,
    -1.151_162_9,
    -4.589_283_5e-1,
    -5.312_382e-2,
    7.810_719e-3,
    -6.359_346e-4,
    2.947_719_5e-7,
    3.151_897_8e-6,
];
/// Beyond this |x| the small term of GELU is taken as constant, below 7e-6.
const COARSE_GELU_END: f32 = 4.7;
/// `Phi(-t)^(1/8)` for `0 <= t <= 4.7`.
const PHI_EIGHTH_ROOT: [f32; 6] =
    [9.170_033_3e-1, -9.149_032e-2, -3.172_301_5e-2, -1.106_944_3e-3, 1.939_176_8e-3, -1.908_803_1e-4];

/// Horner's rule: the fewest operations, for where many chains run side by side.
#[inline(always)]
fn polynomial<S: Simd, const N: usize>(simd: S, coefficients: [f32; N], x: S::V) -> S::V {
    let mut sum = simd.splat(coefficients[N - 1]);
    for i in (0..N - 1).rev() {
        sum = simd.fma(sum, x, simd.splat(coefficients[i]));
    }
    sum
}

/// `2^x` for `x` from `LEAST_EXPONENT` to 127.
#[inline(always)]
fn exp2_within<S: Simd>(simd: S, x: S::V) -> S::V {
    let n = simd.round(x);
    simd.scale(polynomial(simd, EXP2, simd.sub(x, n)), n)
}

/// `2^x` for `x` of at most 127, relative error below 3e-7 from -126 on; exactly 0 for
/// minus infinity and all that is below -160.
#[inline(always)]
pub(crate) fn exp2<S: Simd>(simd: S, x: S::V) -> S::V {
    exp2_within(simd, simd.max(x, simd.splat(S::LEAST_EXPONENT)))
}

/// `x Phi(x)`: beyond the rounding of the result itself the error is below 2e-7.
#[inline(always)]
pub(crate) fn gelu<S: Simd>(simd: S, x: S::V) -> S::V {
    let size = simd.min(simd.abs(x), simd.splat(GELU_END));
    let phi = exp2_within(simd, polynomial(simd, LOG2_PHI, size));
    // The bound comes first, so that what is not a number stays so.
    simd.fnma(size, phi, simd.max(simd.splat(0.0), x))
}

/// As [`gelu`], with an error below 2e-5.
#[inline(always)]
pub(crate) fn coarse_gelu<S: Simd>(simd: S, x: S::V) -> S::V {
    let size = simd.min(simd.abs(x), simd.splat(COARSE_GELU_END));
    let root = polynomial(simd, PHI_EIGHTH_ROOT, size);
    let square = simd.mul(root, root);
    let fourth = simd.mul(square, square);
    simd.fnma(simd.mul(size, fourth), fourth, simd.max(simd.splat(0.0), x))
}

/// `x / (1 + e^-x)`.
#[inline(always)]
pub(crate) fn silu<S: Simd>(simd: S, x: S::V) -> S::V {
    let power = simd.min(simd.mul(x, simd.splat(-std::f32::consts::LOG2_E)), simd.splat(126.0));
    simd.div(x, simd.add(simd.splat(1.0), exp2(simd, power)))
}

#[cfg(test)]
mod tests {
    use super::exp2;
    use crate::local::isa::Isa;
    use crate::local::isa::Kernel;
    use crate::local::simd::Simd;

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
                assert!((f64::from(*y) / expected - 1.0).abs() < 3e-7, "{} {x}: {y}", isa);
            }
            let mut far = [-127.0, -128.0, -1e30, f32::NEG_INFINITY];
            isa.run(Powers(&mut far));
            assert!(far[..2].iter().all(|y| (0.0..f32::MIN_POSITIVE).contains(y)), "{} {far:?}", isa);
            assert!(far[2..] == [0.0, 0.0], "{} {far:?}", isa);
        }
    }
}
