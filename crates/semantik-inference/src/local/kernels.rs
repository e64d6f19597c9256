//! The arithmetic of an encoder: products, normalisation, activation, softmax.
//!
//! Every result is a function of its own row alone: the order of summation never depends on how
//! many rows are computed together.

use gemm::Parallelism;

/// Rows a product needs so that the library picks the same order of summation for any number of
/// them: it has special routes for one row and for very small results.
pub(crate) fn least_rows(widths: &[usize]) -> usize {
    if widths.iter().all(|width| *width > 256) { 2 } else { 257 }
}

/// A matrix inside a slice: `values[offset + row * row_step + column * column_step]`.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub values: &'a [f32],
    pub row_step: usize,
    pub column_step: usize,
}

/// Where a product goes: columns are contiguous runs `column_step` apart.
pub(crate) struct Target<'a> {
    pub values: &'a mut [f32],
    pub column_step: usize,
}

/// `target = keep * target + scale * left x right`, `left` being `m x k` and `right` `k x n`.
pub(crate) fn multiply(
    (m, n, k): (usize, usize, usize),
    target: &mut Target<'_>,
    keep: bool,
    left: View<'_>,
    right: View<'_>,
    scale: f32,
) {
    assert!(m > 0 && n > 0 && k > 0, "a product without rows or columns");
    assert!((n - 1) * target.column_step + m <= target.values.len());
    assert!((m - 1) * left.row_step + (k - 1) * left.column_step < left.values.len());
    assert!((k - 1) * right.row_step + (n - 1) * right.column_step < right.values.len());
    let alpha = if keep { 1.0 } else { 0.0 };
    // SAFETY: the assertions above keep every index inside its slice, the target is borrowed
    // mutably and so overlaps neither operand, and slices are never longer than `isize::MAX`.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            target.values.as_mut_ptr(),
            target.column_step as isize,
            1,
            keep,
            left.values.as_ptr(),
            left.column_step as isize,
            left.row_step as isize,
            right.values.as_ptr(),
            right.column_step as isize,
            right.row_step as isize,
            alpha,
            scale,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

/// Compiles a loop over floats a second time for wide vectors, and picks at run time.
macro_rules! wide {
    ($(#[$doc:meta])* fn $name:ident($($arg:ident: $kind:ty),*) $body:block) => {
        $(#[$doc])*
        pub(crate) fn $name($($arg: $kind),*) {
            #[inline(always)]
            fn plain($($arg: $kind),*) $body
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2")]
                fn avx2($($arg: $kind),*) {
                    plain($($arg),*);
                }
                if std::is_x86_feature_detected!("avx2") {
                    // SAFETY: the processor has the feature the function was compiled for.
                    return unsafe { avx2($($arg),*) };
                }
            }
            plain($($arg),*);
        }
    };
}

wide! {
    /// The exact Gaussian error linear unit, `x * (1 + erf(x / sqrt 2)) / 2`, in place.
    fn gelu(values: &mut [f32]) {
        for value in values {
            *value = 0.5 * *value * (1.0 + erf(*value * std::f32::consts::FRAC_1_SQRT_2));
        }
    }
}

wide! {
    /// Rows of `values` to mean 0 and variance 1, then scaled and shifted.
    fn layer_norm(values: &mut [f32], scale: &[f32], shift: &[f32], epsilon: f32) {
        let width = scale.len();
        for row in values.chunks_exact_mut(width) {
            let mean = sum_of(row, |value| value) / width as f32;
            let variance = sum_of(row, |value| (value - mean) * (value - mean)) / width as f32;
            let factor = 1.0 / (variance + epsilon).sqrt();
            for ((value, scale), shift) in row.iter_mut().zip(scale).zip(shift) {
                *value = (*value - mean) * factor * scale + shift;
            }
        }
    }
}

wide! {
    /// Rows of `values`, each `width` wide, to positive numbers that sum to 1.
    fn softmax(values: &mut [f32], width: usize) {
        for row in values.chunks_exact_mut(width) {
            let greatest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            for value in row.iter_mut() {
                *value = exp(*value - greatest);
            }
            let factor = 1.0 / sum_of(row, |value| value);
            for value in row.iter_mut() {
                *value *= factor;
            }
        }
    }
}

/// Scales to unit length; a zero vector stays zero.
pub(crate) fn normalise(vector: &mut [f32]) {
    let length = sum_of(vector, |value| value * value).sqrt();
    if length > 1e-12 {
        vector.iter_mut().for_each(|value| *value /= length);
    }
}

/// Sums in sixteen lanes, an order the compiler can vectorise.
#[inline(always)]
fn sum_of(values: &[f32], map: impl Fn(f32) -> f32) -> f32 {
    let mut lanes = [0.0f32; 16];
    let (blocks, rest) = values.as_chunks::<16>();
    for block in blocks {
        for (lane, value) in lanes.iter_mut().zip(block) {
            *lane += map(*value);
        }
    }
    lanes.iter().sum::<f32>() + rest.iter().map(|value| map(*value)).sum::<f32>()
}

/// Abramowitz and Stegun 7.1.26; absolute error below 1e-6 in `f32`.
#[inline(always)]
fn erf(x: f32) -> f32 {
    let size = x.abs();
    let t = 1.0 / (1.0 + 0.327_591_1 * size);
    let sum = ((((1.061_405_4 * t - 1.453_152_1) * t + 1.421_413_8) * t - 0.284_496_72) * t + 0.254_829_6) * t;
    (1.0 - sum * exp(-size * size)).copysign(x)
}

/// `e^x` for `x <= 88`, relative error below 1e-6: 2^n times a polynomial of the remainder.
#[inline(always)]
fn exp(x: f32) -> f32 {
    /// Adding it leaves the nearest whole number in the low bits of the sum.
    const ROUND: f32 = 12_582_912.0;
    let x = x.clamp(-87.0, 88.0);
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let whole = shifted - ROUND;
    let rest = x - whole * 0.693_359_4 - whole * -2.121_944_4e-4;
    let tail = (((((1.987_569_1e-4 * rest + 1.398_2e-3) * rest + 8.333_452e-3) * rest + 4.166_579_6e-2) * rest
        + 1.666_666_6e-1)
        * rest
        + 0.5)
        * rest;
    let scale = f32::from_bits((shifted.to_bits() << 23).wrapping_add(127 << 23));
    (tail * rest + rest + 1.0) * scale
}

#[cfg(test)]
mod tests {
    use super::{erf, exp, gelu, layer_norm, normalise, softmax};

    #[test]
    fn exp_agrees_with_the_standard_library() {
        for step in -8700..=880 {
            let x = step as f32 / 100.0;
            let exact = f64::from(x).exp();
            assert!((f64::from(exp(x)) - exact).abs() / exact < 1e-6, "exp({x})");
        }
    }

    #[test]
    fn erf_agrees_with_known_values() {
        let known =
            [(0.0, 0.0), (0.1, 0.112_462_916), (0.5, 0.520_499_9), (1.0, 0.842_700_8), (2.0, 0.995_322_3), (4.0, 1.0)];
        for (x, exact) in known {
            assert!((erf(x) - exact).abs() < 1e-6, "erf({x})");
            assert!((erf(-x) + exact).abs() < 1e-6, "erf(-{x})");
        }
    }

    #[test]
    fn gelu_is_the_exact_one_and_not_the_tanh_form() {
        let mut values = [-3.0, -1.0, 0.0, 1.0, 3.0, 10.0];
        gelu(&mut values);
        let exact = [-0.004_049_694, -0.158_655_25, 0.0, 0.841_344_7, 2.995_950_3, 10.0];
        assert!(values.iter().zip(exact).all(|(value, exact)| (value - exact).abs() < 1e-6), "{values:?}");
    }

    #[test]
    fn softmax_rows_sum_to_one_even_for_large_inputs() {
        let mut values = [1000.0, 1001.0, 999.0, -5.0, 0.0, 5.0];
        softmax(&mut values, 3);
        for row in values.chunks(3) {
            assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        }
    }

    #[test]
    fn layer_norm_of_equal_values_is_the_shift() {
        let mut values = [3.0; 20];
        layer_norm(&mut values, &[2.0; 20], &[0.25; 20], 1e-12);
        assert_eq!(values, [0.25; 20]);
    }

    #[test]
    fn a_zero_vector_stays_zero() {
        let mut vector = [0.0; 4];
        normalise(&mut vector);
        assert_eq!(vector, [0.0; 4]);
    }
}
