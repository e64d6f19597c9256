//! Every kernel, run on the processor, gives what the same computed in 64-bit floats gives.

use super::{Arguments, Attend, AttendTensor, Dequantise, Embed, Form, Gate, Gelu, Norm, Pool, Quantise, Score, Turn};
use super::{Heads, Kernels, NormWeights, RotaryTables, WordTables};
use crate::cuda::emulator::{Emulator, machines, noise};
use crate::cuda::layer::put;
use crate::cuda::machine::{Machine, Memory, Room, Span};
use crate::cuda::numbers::Numbers;
use crate::cuda::unit::Placed;
use crate::local::ops::pooling::Pooling;
use crate::local::ops::rotary::Rotary;

const ALL: [Numbers; 3] = [Numbers::Float, Numbers::Half, Numbers::Brain];
/// Ragged texts: one token, none, less than a tile, one tile, tiles and a rest.
const LENGTHS: [usize; 6] = [1, 0, 13, 64, 65, 150];

struct Bench {
    name: &'static str,
    card: Box<dyn Machine>,
    form: Form,
}

impl Bench {
    /// The emulated card, and the real one where there is one.
    fn each(numbers: Numbers, head_dim: usize) -> Vec<Self> {
        let form = Form { numbers, head_dim };
        machines(form).into_iter().map(|(name, card)| Self { name, card, form }).collect()
    }

    fn kernels(&self) -> Kernels<'_> {
        Kernels { machine: &*self.card, form: self.form }
    }

    /// `values` in the form's numbers, and what they are after that.
    fn put(&self, values: &[f32]) -> (Memory, Vec<f64>) {
        let memory = put(&*self.card, self.form.numbers, values).expect("there is memory");
        let rounded = self.numbers(*memory, values.len());
        (memory, rounded)
    }

    fn floats(&self, values: &[f32]) -> Memory {
        put(&*self.card, Numbers::Float, values).expect("there is memory")
    }

    fn room(&self, count: usize) -> Memory {
        self.card.allocate(count * 4).expect("there is memory")
    }

    fn numbers(&self, from: Span, count: usize) -> Vec<f64> {
        let mut bytes = vec![0; count * self.form.numbers.bytes()];
        self.card.download(from, &mut bytes).expect("it is there");
        let two = || bytes.as_chunks::<2>().0.iter();
        match self.form.numbers {
            Numbers::Float => read_floats(&bytes),
            Numbers::Half => two().map(|raw| half::f16::from_le_bytes(*raw).to_f64()).collect(),
            Numbers::Brain => two().map(|raw| half::bf16::from_le_bytes(*raw).to_f64()).collect(),
        }
    }

    fn read(&self, from: Span, count: usize) -> Vec<f64> {
        let mut bytes = vec![0; count * 4];
        self.card.download(from, &mut bytes).expect("it is there");
        read_floats(&bytes)
    }

    fn unit(&self, room: &mut Room) -> Placed {
        let texts: Vec<Vec<u32>> =
            LENGTHS.iter().map(|length| (0..*length as u32).map(|at| (at * 7 + 3) % 50).collect()).collect();
        Placed::new(&*self.card, room, &texts, self.form.tile_rows()).expect("there is memory")
    }

    /// How far results may be from the truth, in parts of the largest.
    fn allowed(&self) -> f64 {
        match self.form.numbers {
            // A score of 256 products, as a power of two, is the least exact of all.
            Numbers::Float => 1e-5,
            Numbers::Half => 6e-4,
            Numbers::Brain => 5e-3,
        }
    }

    fn compare(&self, what: &str, found: &[f64], expected: &[f64]) {
        assert_eq!(found.len(), expected.len());
        let largest = expected.iter().fold(1e-9_f64, |most, value| most.max(value.abs()));
        // What is not a number is as far away as can be.
        let apart = found.iter().zip(expected).map(|(a, b)| (a - b).abs());
        let error = apart.fold(0.0, |most: f64, error| if error <= most { most } else { error }) / largest;
        println!("{} {what}, {:?}: {error:e} apart", self.name, self.form);
        assert!(error <= self.allowed(), "{} {what}, {:?}: {error:e} apart", self.name, self.form);
    }
}

fn read_floats(bytes: &[u8]) -> Vec<f64> {
    bytes.as_chunks::<4>().0.iter().map(|raw| f64::from(f32::from_le_bytes(*raw))).collect()
}

fn doubles(values: &[f32]) -> Vec<f64> {
    values.iter().copied().map(f64::from).collect()
}

#[test]
fn the_structures_are_as_large_as_the_kernels_say() {
    let card = Emulator::new(Form { numbers: Numbers::Half, head_dim: 32 });
    for (kernel, bytes) in [
        (Embed::KERNEL, size_of::<Embed>()),
        (Norm::KERNEL, size_of::<Norm>()),
        (Turn::KERNEL, size_of::<Turn>()),
        (Gelu::KERNEL, size_of::<Gelu>()),
        (Gate::KERNEL, size_of::<Gate>()),
        (Pool::KERNEL, size_of::<Pool>()),
        (Score::KERNEL, size_of::<Score>()),
        (Quantise::KERNEL, size_of::<Quantise>()),
        (Dequantise::KERNEL, size_of::<Dequantise>()),
        (Attend::KERNEL, size_of::<Attend>()),
        (AttendTensor::KERNEL, size_of::<AttendTensor>()),
    ] {
        assert_eq!(card.argument_bytes(kernel), Some(bytes), "{kernel}");
    }
}

#[test]
fn words_and_places_add_up() {
    for bench in ALL.into_iter().flat_map(|numbers| Bench::each(numbers, 32)) {
        let (width, mut room) = (72, Room::default());
        let mut unit = bench.unit(&mut room);
        let (words, known) = bench.put(&noise(1, 50 * width));
        let places = noise(2, 2 * 150 * width);
        let tables = WordTables { words, places: Some(bench.floats(&places)), segments: 2, reach: 150 };
        let states = bench.room(unit.tokens * width);
        // The last text's tokens are of the second segment.
        let mut ids: Vec<u32> =
            LENGTHS.iter().flat_map(|length| (0..*length as u32).map(|at| (at * 7 + 3) % 50)).collect();
        ids[143..].iter_mut().for_each(|id| *id |= 1 << 31);
        let marked: Vec<u8> = ids.iter().flat_map(|id| id.to_le_bytes()).collect();
        bench.card.upload(&marked, unit.ids).expect("it fits");
        bench.kernels().embed(&unit, &tables, width, *states).expect("it runs");
        let place: Vec<usize> = LENGTHS.iter().flat_map(|length| 0..*length).collect();
        let expected: Vec<f64> = (0..unit.tokens * width)
            .map(|at| {
                let (token, column) = (at / width, at % width);
                let segment = usize::from(token >= 143);
                known[(ids[token] & 0xffff) as usize * width + column]
                    + f64::from(places[(segment * 150 + place[token]) * width + column])
            })
            .collect();
        bench.compare("embed", &bench.read(*states, expected.len()), &expected);
        unit.tokens = 0;
        bench.kernels().embed(&unit, &tables, width, *states).expect("nothing is no error");
    }
}

#[test]
fn both_norms_take_the_sum_and_keep_what_they_should() {
    for bench in ALL.into_iter().flat_map(|numbers| Bench::each(numbers, 32)) {
        for width in [8, 72, 384, 1024] {
            for (with_shift, with_added, replace) in [
                (true, true, true),
                (true, false, true),
                (false, true, false),
                (false, false, false),
                (false, true, true),
            ] {
                let rows = 5;
                let begun: Vec<f32> = noise(3, rows * width).iter().map(|value| value * 3.0 + 1.0).collect();
                let states = bench.floats(&begun);
                let (added, extra) = bench.put(&noise(4, rows * width));
                let (weight, shift) = (noise(5, width), noise(6, width));
                let norm = NormWeights {
                    weight: bench.floats(&weight),
                    shift: with_shift.then(|| bench.floats(&shift)),
                    epsilon: 1e-5,
                };
                let out = bench.room(rows * width);
                let more = with_added.then_some(*added);
                bench.kernels().norm((rows, width), &norm, (*states, more), Some(*out), replace).expect("it runs");
                let sum: Vec<f64> =
                    doubles(&begun).iter().zip(&extra).map(|(a, b)| a + if with_added { *b } else { 0.0 }).collect();
                let normed: Vec<f64> = sum
                    .chunks(width)
                    .flat_map(|row| {
                        let mean = if with_shift { row.iter().sum::<f64>() / width as f64 } else { 0.0 };
                        let variance = row.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / width as f64;
                        let factor = 1.0 / (variance + 1e-5).sqrt();
                        let moved = |at: usize| if with_shift { f64::from(shift[at]) } else { 0.0 };
                        (0..width)
                            .map(|at| (row[at] - mean) * factor * f64::from(weight[at]) + moved(at))
                            .collect::<Vec<_>>()
                    })
                    .collect();
                bench.compare("norm", &bench.numbers(*out, rows * width), &normed);
                let kept = if replace { &normed } else { &sum };
                bench.compare("states", &bench.read(*states, rows * width), kept);
            }
        }
    }
}

#[test]
fn heads_are_normed_and_turned_and_values_are_left() {
    let forms = [(Numbers::Float, 8), (Numbers::Float, 256), (Numbers::Half, 64), (Numbers::Brain, 128)];
    for bench in forms.into_iter().flat_map(|(numbers, dim)| Bench::each(numbers, dim)) {
        let dim = bench.form.head_dim;
        let (heads, mut room) = (Heads { heads: 4, kv_heads: 2, causal: true }, Room::default());
        let unit = bench.unit(&mut room);
        let row = heads.row(dim);
        let (rows, begun) = bench.put(&noise(7, unit.tokens * row));
        let weights = [noise(8, dim), noise(9, dim)];
        let norms =
            weights.each_ref().map(|weight| NormWeights { weight: bench.floats(weight), shift: None, epsilon: 1e-6 });
        let table = Rotary::new(10_000.0, dim, 150);
        let rotary = RotaryTables { cosines: bench.floats(table.tables().0), sines: bench.floats(table.tables().1) };
        bench.kernels().turn(&unit, heads, [&norms[0], &norms[1]], &rotary, *rows).expect("it runs");
        let places: Vec<usize> = LENGTHS.iter().flat_map(|length| 0..*length).collect();
        let mut expected = begun.clone();
        for (token, place) in places.iter().enumerate() {
            for head in 0..6 {
                let start = token * row + head * dim;
                let old = &begun[start..start + dim];
                let weight = &weights[usize::from(head >= 4)];
                let squares = old.iter().map(|x| x * x).sum::<f64>() / dim as f64;
                let normed: Vec<f64> =
                    (0..dim).map(|at| old[at] / (squares + 1e-6).sqrt() * f64::from(weight[at])).collect();
                for at in 0..dim / 2 {
                    let angle = *place as f64 * 10_000f64.powf(-2.0 * at as f64 / dim as f64);
                    let (left, right) = (normed[at], normed[at + dim / 2]);
                    expected[start + at] = left * angle.cos() - right * angle.sin();
                    expected[start + at + dim / 2] = right * angle.cos() + left * angle.sin();
                }
            }
        }
        bench.compare("turn", &bench.numbers(*rows, expected.len()), &expected);
    }
}

#[test]
fn attention_is_that_of_each_text_by_itself() {
    let forms = [
        (Numbers::Float, 8),
        (Numbers::Float, 32),
        (Numbers::Float, 256),
        (Numbers::Half, 24),
        (Numbers::Half, 32),
        (Numbers::Half, 64),
        (Numbers::Brain, 96),
        (Numbers::Brain, 128),
    ];
    for bench in forms.into_iter().flat_map(|(numbers, dim)| Bench::each(numbers, dim)) {
        let dim = bench.form.head_dim;
        for (heads, kv_heads, causal) in [(2, 2, false), (4, 2, true)] {
            let (heads, mut room) = (Heads { heads, kv_heads, causal }, Room::default());
            let unit = bench.unit(&mut room);
            let row = heads.row(dim);
            let begun: Vec<f32> = noise(10, unit.tokens * row).iter().map(|value| value * 1.5).collect();
            let (rows, known) = bench.put(&begun);
            let out = bench.room(unit.tokens * heads.heads * dim);
            bench.kernels().attend(&unit, heads, *rows, *out).expect("it runs");
            let expected = attended(&known, heads, dim);
            bench.compare("attend", &bench.numbers(*out, expected.len()), &expected);
        }
    }
}

/// Attention with powers of two, each score by itself.
fn attended(rows: &[f64], heads: Heads, dim: usize) -> Vec<f64> {
    let (row, group) = (heads.row(dim), heads.heads / heads.kv_heads);
    let mut out = Vec::new();
    let mut start = 0;
    for length in LENGTHS {
        let at = |token: usize, column: usize| &rows[(start + token) * row + column * dim..][..dim];
        for query in 0..length {
            for head in 0..heads.heads {
                let seen = if heads.causal { query + 1 } else { length };
                let key = |token| at(token, heads.heads + head / group);
                let scores: Vec<f64> =
                    (0..seen).map(|token| at(query, head).iter().zip(key(token)).map(|(a, b)| a * b).sum()).collect();
                let most = scores.iter().fold(f64::NEG_INFINITY, |most, score| most.max(*score));
                let shares: Vec<f64> = scores.iter().map(|score| (score - most).exp2()).collect();
                let total: f64 = shares.iter().sum();
                let value = |token: usize, x: usize| at(token, heads.heads + heads.kv_heads + head / group)[x];
                out.extend(
                    (0..dim).map(|x| (0..seen).map(|token| shares[token] * value(token, x)).sum::<f64>() / total),
                );
            }
        }
        start += length;
    }
    out
}

#[test]
fn the_curves_are_exact_far_out_too() {
    for bench in ALL.into_iter().flat_map(|numbers| Bench::each(numbers, 32)) {
        let inputs: Vec<f32> = (-1200..1200).map(|at| at as f32 / 100.0).collect();
        let (values, known) = bench.put(&inputs);
        bench.kernels().gelu(*values, inputs.len()).expect("it runs");
        // erfc by its continued fraction or its series.
        let erfc = |x: f64| {
            if x.abs() > 2.5 {
                let fraction = (1..=80).rev().fold(x.abs(), |below, k| x.abs() + f64::from(k) / 2.0 / below);
                let tail = (-x * x).exp() / fraction / std::f64::consts::PI.sqrt();
                return if x > 0.0 { tail } else { 2.0 - tail };
            }
            let (mut term, mut sum) = (x, x);
            for n in 1..90 {
                term *= -x * x / f64::from(n);
                sum += term / f64::from(2 * n + 1);
            }
            1.0 - sum * 2.0 / std::f64::consts::PI.sqrt()
        };
        let expected: Vec<f64> = known.iter().map(|x| x / 2.0 * erfc(-x / 2f64.sqrt())).collect();
        bench.compare("gelu", &bench.numbers(*values, expected.len()), &expected);

        let (tokens, width) = (3, 200);
        let (wide, known) = bench.put(&noise(11, tokens * 2 * width).iter().map(|x| x * 20.0).collect::<Vec<_>>());
        let out = bench.room(tokens * width);
        bench.kernels().gate(tokens, width, *wide, *out).expect("it runs");
        let expected: Vec<f64> = (0..tokens * width)
            .map(|at| {
                let (token, column) = (at / width, at % width);
                let x = known[token * 2 * width + column];
                x / (1.0 + (-x).exp()) * known[token * 2 * width + width + column]
            })
            .collect();
        bench.compare("gate", &bench.numbers(*out, expected.len()), &expected);
    }
}

#[test]
fn every_pooling_takes_its_states_and_scores_are_sigmoids() {
    Bench::each(Numbers::Float, 32).iter().for_each(pool_and_score);
}

fn pool_and_score(bench: &Bench) {
    let (width, dimensions, mut room) = (40, 24, Room::default());
    let unit = bench.unit(&mut room);
    let begun = noise(12, unit.tokens * width);
    let states = bench.floats(&begun);
    for (pooling, length_one) in [
        (Pooling::Mean, true),
        (Pooling::Mean, false),
        (Pooling::Cls, true),
        (Pooling::Last, true),
        (Pooling::Last, false),
    ] {
        let out = bench.room(unit.texts * dimensions);
        bench.kernels().pool(&unit, pooling, (*states, width), (*out, dimensions), length_one).expect("it runs");
        let mut expected = Vec::new();
        let mut start = 0;
        for length in LENGTHS {
            let taken = match pooling {
                Pooling::Mean => start..start + length,
                Pooling::Cls => start..start + length.min(1),
                Pooling::Last => (start + length).saturating_sub(1).max(start)..start + length,
            };
            let count = taken.len().max(1) as f64;
            let vector: Vec<f64> = (0..dimensions)
                .map(|at| taken.clone().map(|token| f64::from(begun[token * width + at])).sum::<f64>() / count)
                .collect();
            let size = vector.iter().map(|x| x * x).sum::<f64>().sqrt().max(1e-12);
            expected.extend(vector.iter().map(|x| if length_one { x / size } else { *x }));
            start += length;
        }
        bench.compare("pool", &bench.read(*out, expected.len()), &expected);
    }
    for tanh in [false, true] {
        let row = noise(13, width);
        let (weights, out) = (bench.floats(&row), bench.room(4));
        bench.kernels().score((4, width), *states, (*weights, 0.25, tanh), *out).expect("it runs");
        let expected: Vec<f64> = (0..4)
            .map(|text| {
                let turned = |x: f32| if tanh { f64::from(x).tanh() } else { f64::from(x) };
                let sum: f64 = (0..width).map(|at| turned(begun[text * width + at]) * f64::from(row[at])).sum();
                1.0 / (1.0 + (-sum - 0.25).exp())
            })
            .collect();
        bench.compare("score", &bench.read(*out, 4), &expected);
    }
}

#[test]
fn rows_are_quantised_by_themselves_and_come_back_with_both_scales() {
    for bench in ALL.into_iter().flat_map(|numbers| Bench::each(numbers, 32)) {
        let (rows, width) = (4, 80);
        let mut begun: Vec<f32> = noise(14, rows * width);
        begun[width..2 * width].fill(0.0);
        begun[2 * width + 7] = f32::INFINITY;
        let (from, known) = bench.put(&begun);
        let (bytes, scales) = (bench.room(rows * width), bench.room(rows));
        bench.kernels().quantise((rows, width), *from, (*bytes, *scales)).expect("it runs");
        let found = bench.read(*scales, rows);
        let mut raw = vec![0; rows * width];
        bench.card.download(*bytes, &mut raw).expect("it is there");
        for row in [0, 1, 3] {
            let values = &known[row * width..(row + 1) * width];
            let most = values.iter().fold(0.0_f64, |most, x| most.max(x.abs()));
            assert!((found[row] - most / 127.0).abs() <= 1e-6 * most);
            for (byte, value) in raw[row * width..].iter().zip(values) {
                let back = f64::from(*byte as i8) * found[row];
                assert!((back - value).abs() <= 0.501 * most / 127.0, "{back} for {value}");
            }
        }
        assert!(found[2].is_nan());
        assert!(raw[2 * width..3 * width].iter().all(|byte| *byte == 0));

        let sums: Vec<i32> = noise(15, 2 * width).iter().map(|x| (x * 1e6) as i32).collect();
        let on_card = bench.room(2 * width);
        let encoded: Vec<u8> = sums.iter().flat_map(|sum| sum.to_le_bytes()).collect();
        bench.card.upload(&encoded, *on_card).expect("it fits");
        let (row_scales, columns) = ([1e-6, 2e-6], noise(16, width));
        let (bias, shift) = bench.put(&noise(17, width));
        let out = bench.room(2 * width);
        let (left, right) = (bench.floats(&row_scales), bench.floats(&columns));
        bench.kernels().dequantise((2, width), (*on_card, *left), (*right, Some(*bias)), *out).expect("it runs");
        let expected: Vec<f64> = (0..2 * width)
            .map(|at| {
                f64::from(sums[at]) * f64::from(row_scales[at / width]) * f64::from(columns[at % width])
                    + shift[at % width]
            })
            .collect();
        bench.compare("dequantise", &bench.numbers(*out, expected.len()), &expected);
    }
}
