//! The functions between two linear layers, on vectors.
//!
//! GELU is written as `max(x, 0) - |x| Phi(-|x|)`: the second term is small, falls to nothing at
//! both ends, and is all that must be approximated. The coefficients are minimax fits of the
//! term's error; the bounds are tested against 64-bit arithmetic.

use crate::local::linear::vector::{Block, Vector};

/// What is done to an output element after the bias.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Activation {
    /// Nothing.
    None,
    /// `x Phi(x)`, the exact form: beyond the rounding of the result itself the error is below
    /// 2e-7 in float32 and 2e-5 in the other precisions.
    Gelu,
    /// The form of GELU that uses the hyperbolic tangent.
    GeluTanh,
    /// `x / (1 + exp(-x))`.
    Silu,
    /// `max(x, 0)`.
    Relu,
}

/// An activation with the accuracy that the precision calls for.
#[derive(Clone, Copy)]
pub(crate) enum Curve {
    /// GELU to 1e-7.
    Gelu,
    /// GELU to 2e-5.
    CoarseGelu,
    /// GELU by the hyperbolic tangent.
    GeluTanh,
    /// The sigmoid linear unit.
    Silu,
    /// The rectified linear unit.
    Relu,
}

/// Puts every element of a block through the curve.
///
/// # Safety
/// The machine has the set of `V`, and the block is good for reads and writes.
#[inline(always)]
pub(crate) unsafe fn apply<V: Vector>(curve: Curve, block: Block) {
    // SAFETY: as the caller vouches; the match is outside the loops.
    unsafe {
        match curve {
            Curve::Gelu => each::<V, Gelu>(block),
            Curve::CoarseGelu => each::<V, CoarseGelu>(block),
            Curve::GeluTanh => each::<V, GeluTanh>(block),
            Curve::Silu => each::<V, Silu>(block),
            Curve::Relu => each::<V, Relu>(block),
        }
    }
}

trait Function {
    /// The function of each lane.
    ///
    /// # Safety
    /// The machine has the set of `V`.
    unsafe fn of<V: Vector>(x: V) -> V;
}

/// # Safety
/// As `apply`.
#[inline(always)]
unsafe fn each<V: Vector, F: Function>(block: Block) {
    for row in 0..block.rows {
        for column in (0..block.columns).step_by(V::LANES) {
            // SAFETY: inside the block, whose columns are a multiple of the lanes.
            unsafe {
                let at = block.at.add(row * block.stride + column);
                F::of(V::load(at)).store(at);
            }
        }
    }
}

/// Beyond this |x| the small term of GELU is below 1e-7.
const GELU_END: f32 = 5.8;
/// `log2 Phi(-t)` for `0 <= t <= 5.8`, the constant last.
const LOG2_PHI: [f32; 8] = [
    3.151_897_8e-6,
    2.947_719_5e-7,
    -6.359_346e-4,
    7.810_719e-3,
    -5.312_382e-2,
    -4.589_283_5e-1,
    -1.151_162_9,
    -9.999_961e-1,
];
/// `2^f` for `|f| <= 1/2`, the constant last.
const EXP2: [f32; 6] = [1.327_646_7e-3, 9.675_541e-3, 5.550_713_5e-2, 2.402_212e-1, 6.931_469e-1, 1.000_000_1];
/// Beyond this |x| the small term of GELU is taken as constant, below 7e-6.
const COARSE_GELU_END: f32 = 4.7;
/// `Phi(-t)^(1/8)` for `0 <= t <= 4.7`, the constant last.
const PHI_EIGHTH_ROOT: [f32; 6] =
    [-1.908_803_1e-4, 1.939_176_8e-3, -1.106_944_3e-3, -3.172_301_5e-2, -9.149_032e-2, 9.170_033_3e-1];

struct Gelu;

impl Function for Gelu {
    #[inline(always)]
    unsafe fn of<V: Vector>(x: V) -> V {
        // SAFETY: as the caller vouches.
        unsafe {
            let t = x.abs().min(V::splat(GELU_END));
            let phi = exp2(polynomial(t, LOG2_PHI));
            t.neg_mul_add(phi, V::splat(0.0).max(x))
        }
    }
}

struct CoarseGelu;

impl Function for CoarseGelu {
    #[inline(always)]
    unsafe fn of<V: Vector>(x: V) -> V {
        // SAFETY: as the caller vouches.
        unsafe {
            let t = x.abs().min(V::splat(COARSE_GELU_END));
            let root = polynomial(t, PHI_EIGHTH_ROOT);
            let square = root.mul(root);
            let fourth = square.mul(square);
            t.mul(fourth).neg_mul_add(fourth, V::splat(0.0).max(x))
        }
    }
}

struct GeluTanh;

impl Function for GeluTanh {
    #[inline(always)]
    unsafe fn of<V: Vector>(x: V) -> V {
        // SAFETY: as the caller vouches.
        unsafe {
            let square = x.mul(x);
            // (1 + tanh y) / 2 is the sigmoid of 2 y.
            let slope = square.mul_add(V::splat(2.0 * 0.797_884_6 * 0.044_715), V::splat(2.0 * 0.797_884_6));
            x.mul(sigmoid(x.mul(slope)))
        }
    }
}

struct Silu;

impl Function for Silu {
    #[inline(always)]
    unsafe fn of<V: Vector>(x: V) -> V {
        // SAFETY: as the caller vouches.
        unsafe { x.mul(sigmoid(x)) }
    }
}

struct Relu;

impl Function for Relu {
    #[inline(always)]
    unsafe fn of<V: Vector>(x: V) -> V {
        // SAFETY: as the caller vouches.
        unsafe { V::splat(0.0).max(x) }
    }
}

/// # Safety
/// The machine has the set of `V`.
#[inline(always)]
unsafe fn sigmoid<V: Vector>(x: V) -> V {
    // SAFETY: as the caller vouches.
    unsafe {
        // The bounds come first, so that what is not a number stays so.
        let bounded = V::splat(-80.0).max(V::splat(80.0).min(x));
        let one = V::splat(1.0);
        one.div(one.add(exp2(bounded.mul(V::splat(-std::f32::consts::LOG2_E)))))
    }
}

/// `2^x` for `-126 <= x <= 126`.
///
/// # Safety
/// The machine has the set of `V`.
#[inline(always)]
unsafe fn exp2<V: Vector>(x: V) -> V {
    // SAFETY: as the caller vouches.
    unsafe {
        let whole = x.round();
        let part = V::splat(1.0).neg_mul_add(whole, x);
        polynomial(part, EXP2).scale(whole)
    }
}

/// The polynomial with these coefficients, the constant last, by Horner's rule.
///
/// # Safety
/// The machine has the set of `V`.
#[inline(always)]
unsafe fn polynomial<V: Vector, const N: usize>(x: V, coefficients: [f32; N]) -> V {
    // SAFETY: as the caller vouches.
    unsafe {
        let mut value = V::splat(coefficients[0]);
        for coefficient in &coefficients[1..] {
            value = value.mul_add(x, V::splat(*coefficient));
        }
        value
    }
}
