//! Attention against 64-bit arithmetic, over shapes, lengths and neighbours.

use proptest::prelude::{Strategy, any, prop_assert};
use proptest::{prop_oneof, proptest};

use super::{Bias, Heads, Scratch, Shape, attend};
use crate::local::isa::Isa;
use crate::local::ops::testing::{noise, worst};

fn offsets(lengths: &[usize]) -> Vec<usize> {
    let mut offsets = vec![0];
    for length in lengths {
        offsets.push(offsets[offsets.len() - 1] + length);
    }
    offsets
}

fn run(isa: Isa, shape: &Shape, qkv: &[f32], offsets: &[usize]) -> Vec<f32> {
    let mut out = vec![f32::NAN; offsets[offsets.len() - 1] * shape.width()];
    attend(isa, shape, qkv, offsets, &mut Scratch::default(), Heads::whole(shape, &mut out));
    out
}

fn reference(shape: &Shape, qkv: &[f32], offsets: &[usize]) -> Vec<f64> {
    let (row, dim) = (shape.row(), shape.head_dim);
    let mut out = vec![0.0; offsets[offsets.len() - 1] * shape.width()];
    for pair in offsets.windows(2) {
        for head in 0..shape.heads {
            let keys = (shape.heads + head / (shape.heads / shape.kv_heads)) * dim;
            let values = keys + shape.kv_heads * dim;
            for i in pair[0]..pair[1] {
                let sees =
                    |j: usize| !(shape.causal && j > i) && shape.window.is_none_or(|window| i.abs_diff(j) <= window);
                let seen: Vec<usize> = (pair[0]..pair[1]).filter(|j| sees(*j)).collect();
                let score = |j: usize| -> f64 {
                    let dot = (0..dim)
                        .map(|c| f64::from(qkv[i * row + head * dim + c]) * f64::from(qkv[j * row + keys + c]))
                        .sum::<f64>();
                    let bias = shape
                        .bias
                        .map_or(0.0, |bias| f64::from(bias.rows[head * (2 * bias.reach - 1) + bias.reach - 1 + j - i]));
                    dot + bias
                };
                let scores: Vec<f64> = seen.iter().map(|j| score(*j)).collect();
                let greatest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let weights: Vec<f64> = scores.iter().map(|score| (score - greatest).exp2()).collect();
                let total: f64 = weights.iter().sum();
                for c in 0..dim {
                    let mix = seen.iter().zip(&weights).map(|(j, w)| w * f64::from(qkv[j * row + values + c]));
                    out[i * shape.width() + head * dim + c] = mix.sum::<f64>() / total;
                }
            }
        }
    }
    out
}

fn check(shape: &Shape, lengths: &[usize], size: f32, seed: u64) -> f64 {
    let offsets = offsets(lengths);
    let mut qkv = noise(seed, offsets[lengths.len()] * shape.row());
    qkv.iter_mut().for_each(|x| *x *= size);
    let expected = reference(shape, &qkv, &offsets);
    let errors = Isa::available().into_iter().map(|isa| worst(&run(isa, shape, &qkv, &offsets), &expected));
    errors.fold(0.0, |most, error| if error <= most { most } else { error })
}

const PLAIN: Shape = Shape { heads: 2, kv_heads: 2, head_dim: 32, causal: false, window: None, bias: None };

#[test]
fn every_length_agrees_with_the_reference() {
    for length in (1..=70).chain([127, 128, 129, 300, 511, 512, 513, 600, 1100]) {
        let error = check(&PLAIN, &[length], 1.0, length as u64);
        assert!(error < 2e-6, "length {length}: {error}");
    }
}

#[test]
fn every_mask_agrees_with_the_reference() {
    for (causal, window) in [(true, None), (false, Some(0)), (false, Some(5)), (true, Some(40)), (false, Some(700))] {
        let shape = Shape { causal, window, ..PLAIN };
        for lengths in [&[1, 2, 3, 17, 33][..], &[64, 90], &[1300]] {
            let error = check(&shape, lengths, 1.0, 7);
            assert!(error < 2e-6, "{causal} {window:?} {lengths:?}: {error}");
        }
    }
}

#[test]
fn a_bias_agrees_with_the_reference() {
    let rows = noise(3, 2 * (2 * 700 - 1));
    let shape = Shape { bias: Some(Bias { rows: &rows, reach: 700 }), ..PLAIN };
    for length in [1, 2, 15, 16, 17, 33, 100, 513, 700] {
        let error = check(&shape, &[length, 3], 1.0, 5);
        assert!(error < 3e-6, "length {length}: {error}");
    }
}

#[test]
fn scores_of_any_size_stay_finite() {
    for size in [0.0, 1e-20, 30.0, 1000.0] {
        let error = check(&PLAIN, &[50, 1, 600], size, 11);
        // A score's rounding error grows with its size.
        let allowed = f64::from(size) * if size > 10.0 { 1e-2 } else { 2e-6 };
        assert!(error <= allowed.max(1e-30) || size > 100.0 && error.is_finite(), "{size}: {error}");
    }
}

#[test]
fn neighbours_change_no_bit() {
    let shape = Shape { heads: 3, kv_heads: 1, head_dim: 40, ..PLAIN };
    let lengths = [5, 130, 18, 1, 600, 77];
    let all = offsets(&lengths);
    let qkv = noise(1, all[lengths.len()] * shape.row());
    for isa in Isa::available() {
        let together = run(isa, &shape, &qkv, &all);
        for pair in all.windows(2) {
            let own = &qkv[pair[0] * shape.row()..pair[1] * shape.row()];
            let alone = run(isa, &shape, own, &[0, pair[1] - pair[0]]);
            assert!(together[pair[0] * shape.width()..pair[1] * shape.width()] == alone, "{}", isa);
        }
    }
}

#[test]
fn two_threads_with_half_the_heads_each_give_the_same_bits() {
    let shape = Shape { heads: 6, kv_heads: 3, ..PLAIN };
    let offsets = offsets(&[40, 9]);
    let qkv = noise(2, 49 * shape.row());
    let whole = run(Isa::detect(), &shape, &qkv, &offsets);
    let mut halves = vec![0.0; whole.len()];
    let all = Heads::whole(&shape, &mut halves);
    // SAFETY: the two have different heads.
    let parts = unsafe { [all.part(0..3), all.part(3..6)] };
    std::thread::scope(|scope| {
        for part in parts {
            scope.spawn(|| attend(Isa::detect(), &shape, &qkv, &offsets, &mut Scratch::default(), part));
        }
    });
    assert!(whole == halves);
}

#[test]
fn no_sequences_are_no_work() {
    attend(Isa::detect(), &PLAIN, &[], &[], &mut Scratch::default(), Heads::whole(&PLAIN, &mut []));
    attend(Isa::detect(), &PLAIN, &[], &[0], &mut Scratch::default(), Heads::whole(&PLAIN, &mut []));
    attend(Isa::detect(), &PLAIN, &[], &[0, 0], &mut Scratch::default(), Heads::whole(&PLAIN, &mut []));
}

fn any_window() -> impl Strategy<Value = Option<usize>> {
    prop_oneof![proptest::strategy::Just(None), (0usize..80).prop_map(Some)]
}

proptest! {
    #![proptest_config(proptest::test_runner::Config { cases: 60, failure_persistence: None, ..Default::default() })]
    #[test]
    fn any_shape_agrees_with_the_reference(
        kv_heads in 1usize..3, group in 1usize..4, eighths in 1usize..18, causal in any::<bool>(),
        window in any_window(), lengths in proptest::collection::vec(0usize..150, 1..4), seed in any::<u64>(),
    ) {
        let shape =
            Shape { heads: kv_heads * group, kv_heads, head_dim: 8 * eighths, causal, window, bias: None };
        let error = check(&shape, &lengths, 1.0, seed);
        prop_assert!(error < 4e-6, "{shape:?} {lengths:?}: {error}");
    }
}
