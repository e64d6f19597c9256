//! Every instruction set of this machine against 64-bit arithmetic, and against itself.

use crate::local::isa::Isa;
use crate::local::linear::line::{Line, Lines, view};
use crate::local::linear::pack::byte_weight_limit;
use crate::local::linear::{Activation, Finish, Linear, Output, Precision, Rows};
use proptest::prelude::*;

const PRECISIONS: [Precision; 3] = [Precision::Float32, Precision::Float16, Precision::Int8];
const STORE: Finish = Finish::Store(Activation::None);

fn noise(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

/// All columns at once, into a fresh matrix.
fn run(layer: &Linear, isa: Isa, input: &[f32], rows: usize, finish: Finish) -> Vec<f32> {
    let mut scratch = Rows::new(isa);
    let mut output = vec![0.25; rows * layer.outputs()];
    let prepared = scratch.prepare(layer.precision(), input, rows, layer.inputs());
    let view = Output::new(&mut output, rows, layer.outputs(), layer.outputs());
    layer.forward(&prepared, 0..layer.outputs(), finish, view);
    output
}

/// The exact product and the most that the precision may be away from it.
fn reference(row: &[f32], weights: &[f32], bias: f32, precision: Precision) -> (f64, f64) {
    let most = |numbers: &[f32]| numbers.iter().fold(0.0_f64, |most, x| most.max(f64::from(x.abs())));
    let total = |numbers: &[f32]| numbers.iter().map(|x| f64::from(x.abs())).sum::<f64>();
    let (count, sum): (f64, f64) =
        (row.len() as f64, row.iter().zip(weights).map(|(a, w)| f64::from(*a) * f64::from(*w)).sum());
    let size: f64 = row.iter().zip(weights).map(|(a, w)| f64::from((a * w).abs())).sum::<f64>() + f64::from(bias.abs());
    // Half a step of the activations and of the weights.
    let limit = ((1_u64 << 35) as f64 / count).sqrt().floor().min(32_767.0);
    let (a, w) = match precision {
        Precision::Float32 => (0.0, 0.0),
        Precision::Float16 => {
            let scale = (most(weights) / 32_767.0).max(total(weights) * (limit + 1.0) / f64::from(i32::MAX));
            (most(row) / limit, scale * 1.02)
        }
        Precision::Int8 => (most(row) / 127.0, most(weights) / 63.0),
    };
    let rounding = total(weights) * a / 2.0 + total(row) * w / 2.0 + count * a * w / 4.0;
    (sum + f64::from(bias), rounding * 1.001 + size * 1e-6 + count * size * 1e-7)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_set_and_precision_agrees_with_64_bit_arithmetic(
        rows in 1_usize..=17, outputs in 1_usize..=70, inputs in 1_usize..=300, seed in any::<u64>(), add in any::<bool>(),
    ) {
        let (input, weight, bias) = (noise(rows * inputs, seed), noise(outputs * inputs, seed ^ 1), noise(outputs, seed ^ 2));
        for isa in Isa::available() {
            for precision in PRECISIONS {
                let layer = Linear::pack(&weight, Some(&bias), outputs, inputs, precision, isa);
                let output = run(&layer, isa, &input, rows, if add { Finish::Add } else { STORE });
                for (place, value) in output.iter().enumerate() {
                    let (row, column) = (place / outputs, place % outputs);
                    let weights = &weight[column * inputs..][..inputs];
                    let (mut exact, allowed) = reference(&input[row * inputs..][..inputs], weights, bias[column], precision);
                    exact += if add { 0.25 } else { 0.0 };
                    // The last addition rounds as well.
                    let allowed = allowed + exact.abs() * f64::from(f32::EPSILON);
                    prop_assert!((f64::from(*value) - exact).abs() <= allowed,
                        "{isa} {precision:?} row {row} column {column}: {value} against {exact}, allowed {allowed}");
                }
            }
        }
    }

    #[test]
    fn a_row_is_the_same_bit_for_bit_alone_and_among_others(
        rows in 2_usize..=40, outputs in 1_usize..=150, inputs in 1_usize..=300, seed in any::<u64>(), add in any::<bool>(),
    ) {
        let (input, weight, bias) = (noise(rows * inputs, seed), noise(outputs * inputs, seed ^ 1), noise(outputs, seed ^ 2));
        let finish = if add { Finish::Add } else { Finish::Store(Activation::Gelu) };
        for isa in Isa::available() {
            for precision in PRECISIONS {
                let layer = Linear::pack(&weight, Some(&bias), outputs, inputs, precision, isa);
                let together = run(&layer, isa, &input, rows, finish);
                for few in [1, 2, 3, 5, 7] {
                    for (input, together) in input.chunks(few * inputs).zip(together.chunks(few * outputs)) {
                        let apart = run(&layer, isa, input, input.len() / inputs, finish);
                        prop_assert!(apart == together, "{isa} {precision:?}, {few} of {rows} rows");
                    }
                }
            }
        }
    }

    #[test]
    fn two_cores_that_share_the_columns_give_what_one_gives(
        rows in 1_usize..=9, panels in 2_usize..=5, cut in 1_usize..=4, inputs in 1_usize..=100, seed in any::<u64>(),
    ) {
        for isa in Isa::available() {
            let width = Linear::pack(&[0.0], None, 1, 1, Precision::Float32, isa).panel_width();
            let (outputs, cut) = (panels * width - 3, cut.min(panels - 1) * width);
            let (input, weight) = (noise(rows * inputs, seed), noise(outputs * inputs, seed ^ 1));
            for precision in PRECISIONS {
                let layer = Linear::pack(&weight, None, outputs, inputs, precision, isa);
                let whole = run(&layer, isa, &input, rows, STORE);
                let mut scratch = Rows::new(isa);
                let prepared = scratch.prepare(precision, &input, rows, inputs);
                let mut shared = vec![7.0; rows * (outputs + 2)];
                let view = Output::new(&mut shared, rows, outputs, outputs + 2);
                // SAFETY: the two have different columns.
                let (left, right) = unsafe { (view.part(0..cut), view.part(cut..outputs)) };
                std::thread::scope(|scope| {
                    scope.spawn(|| layer.forward(&prepared, 0..cut, STORE, left));
                    scope.spawn(|| layer.forward(&prepared, cut..outputs, STORE, right));
                });
                for (shared, whole) in shared.chunks(outputs + 2).zip(whole.chunks(outputs)) {
                    prop_assert_eq!(&shared[..outputs], whole);
                    prop_assert_eq!(&shared[outputs..], [7.0; 2], "written beyond the view");
                }
            }
        }
    }
}

#[test]
fn the_dot_product_instructions_give_what_plain_rust_gives() {
    let (rows, outputs, inputs) = (13, 96, 301);
    let (input, weight) = (noise(rows * inputs, 3), noise(outputs * inputs, 4));
    let of = |isa, precision| {
        let layer = Linear::pack(&weight, None, outputs, inputs, precision, isa);
        run(&layer, isa, &input, rows, STORE)
    };
    for isa in Isa::available() {
        // Without a bias the last step is one rounding of an exact product.
        assert_eq!(of(isa, Precision::Float16), of(Isa::PORTABLE, Precision::Float16), "{isa}");
        if byte_weight_limit(isa) == byte_weight_limit(Isa::PORTABLE) {
            assert_eq!(of(isa, Precision::Int8), of(Isa::PORTABLE, Precision::Int8), "{isa}");
        }
    }
}

#[test]
fn the_largest_numbers_of_one_sign_do_not_overflow() {
    for inputs in [1, 2, 3, 384, 1_536, 65_536] {
        for (a, w) in [(1.0, 1.0), (1.0, -1.0), (-1.0, 1.0), (-1.0, -1.0)] {
            let (input, weight) = (vec![a; 2 * inputs], vec![w; 3 * inputs]);
            for isa in Isa::available() {
                for precision in [Precision::Float16, Precision::Int8] {
                    let layer = Linear::pack(&weight, None, 3, inputs, precision, isa);
                    let exact = f64::from(a * w) * inputs as f64;
                    for value in run(&layer, isa, &input, 2, STORE) {
                        let error = (f64::from(value) / exact - 1.0).abs();
                        assert!(error < 0.03, "{isa} {precision:?} {inputs}: {value} against {exact}");
                    }
                }
            }
        }
    }
}

#[test]
fn what_is_not_a_number_shows_in_its_own_row_only() {
    let weight = noise(40 * 33, 5);
    for isa in Isa::available() {
        for precision in PRECISIONS {
            for activation in [Activation::None, Activation::Gelu, Activation::Silu] {
                let layer = Linear::pack(&weight, None, 40, 33, precision, isa);
                let mut input = noise(3 * 33, 6);
                input[40] = f32::NAN;
                let output = run(&layer, isa, &input, 3, Finish::Store(activation));
                assert!(output[..40].iter().all(|x| x.is_finite()));
                assert!(output[40..80].iter().all(|x| x.is_nan()), "{isa} {precision:?} {activation:?}");
                assert!(output[80..].iter().all(|x| x.is_finite()));
            }
        }
    }
}

#[test]
fn the_quantised_forms_keep_the_direction_of_a_row() {
    let (rows, outputs, inputs) = (8, 384, 1_536);
    let weight = noise(outputs * inputs, 11);
    // A few large values, as after GELU.
    let input: Vec<f32> = noise(rows * inputs, 12).iter().map(|x| x * x * x * 5.0).collect();
    for isa in Isa::available() {
        let of = |precision| {
            let layer = Linear::pack(&weight, None, outputs, inputs, precision, isa);
            run(&layer, isa, &input, rows, STORE)
        };
        let exact = of(Precision::Float32);
        for (precision, least) in [(Precision::Float16, 0.999_999), (Precision::Int8, 0.999)] {
            for (a, b) in of(precision).chunks(outputs).zip(exact.chunks(outputs)) {
                let dot =
                    |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
                let cosine = dot(a, b) / (dot(a, a) * dot(b, b)).sqrt();
                assert!(cosine >= least, "{isa} {precision:?}: {cosine}");
            }
        }
    }
}

#[test]
fn a_layer_survives_being_written_as_bytes() {
    let (weight, bias) = (noise(40 * 33, 5), noise(40, 6));
    let input = noise(2 * 33, 7);
    for isa in Isa::available() {
        for precision in PRECISIONS {
            let layer = Linear::pack(&weight, Some(&bias), 40, 33, precision, isa);
            let lines = |from: usize| Lines::Owned(view::<u8, Line>(layer.as_bytes())[from..].to_vec());
            let again = Linear::from_lines(lines(0), 40, 33, precision, isa).expect("the same form");
            assert_eq!(run(&layer, isa, &input, 2, STORE), run(&again, isa, &input, 2, STORE));
            assert!(Linear::from_lines(lines(1), 40, 33, precision, isa).is_none());
        }
    }
}
