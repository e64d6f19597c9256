//! What the tests of kernels share: numbers without a pattern, and the distance to a reference.

/// `count` numbers of -1..1; the seed decides all.
pub(crate) fn noise(seed: u64, count: usize) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

/// The greatest absolute difference; infinite where a number is none.
pub(crate) fn worst(found: &[f32], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let errors = found.iter().zip(expected).map(|(found, expected)| (f64::from(*found) - expected).abs());
    errors.fold(0.0, |most, error| if error.is_nan() { f64::INFINITY } else { error.max(most) })
}
