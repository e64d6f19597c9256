//! The whole model, run on the processor by the kernels' own text, gives what the reference gives.

use std::path::{Path, PathBuf};

use safetensors::SafeTensors;
use semantik_core::collection::Quantization;
use serde_json::{Value, json};

use super::{Model, form};
use crate::cuda::emulator::{Emulator, machines};
use crate::cuda::family::Family;
use crate::cuda::fault::Fault;
use crate::cuda::machine::Machine;
use crate::cuda::product::Tier;
use crate::cuda::scratch::Scratch;
use crate::cuda::watch::Watch;
use crate::local::head::Answers;
use crate::local::model::Task;
use crate::local::settings::Settings;
use crate::local::tokens::ModelTokenizer;

const FAMILIES: [&str; 3] = ["qwen3", "bert", "xlm-roberta"];
const TEXTS: [usize; 3] = [2, 4, 6];

fn tiny(family: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tiny").join(family)
}

fn known<'a>(folder: &Path, settings: &'a Settings) -> Family<'a> {
    Family::of(folder, settings).expect("a card computes it")
}

fn golden(folder: &Path) -> Value {
    let text = std::fs::read(folder.join("golden.json")).expect("the fixture is there");
    serde_json::from_slice(&text).expect("it is JSON")
}

/// The model on the emulated card, and on the real one where there is one.
fn each(family: &str, quantization: Quantization, task: Task) -> Vec<(&'static str, Box<dyn Machine>, Model)> {
    let folder = tiny(family);
    let settings = Settings::read(&folder).expect("the folder is a model");
    let load = |(name, card): (_, Box<dyn Machine>)| {
        let model = Model::load(&*card, &folder, &settings, quantization, task).expect("the weights load");
        (name, card, model)
    };
    machines(form(known(&folder, &settings), quantization)).into_iter().map(load).collect()
}

fn cosine(left: &[f32], right: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    dot(left, right) / (dot(left, left) * dot(right, right)).sqrt()
}

fn ids(row: &Value) -> Vec<u32> {
    serde_json::from_value(row["ids"].clone()).expect("a row has ids")
}

#[test]
fn every_layer_is_within_a_ten_thousandth_of_the_reference() {
    for family in FAMILIES {
        let folder = tiny(family);
        let bytes = std::fs::read(folder.join("states.safetensors")).expect("the fixture is there");
        let reference = SafeTensors::deserialize(&bytes).expect("it is a safetensors file");
        let known = |text: usize, stage: usize| -> Vec<f32> {
            let tensor = reference.tensor(&format!("{text}.{stage}")).expect("it is known");
            tensor.data().as_chunks::<4>().0.iter().map(|raw| f32::from_le_bytes(*raw)).collect()
        };
        let rows = golden(&folder);
        let rows = rows["vectors"].as_array().expect("it has vectors");
        let passages: Vec<&Value> = rows.iter().filter(|row| row["purpose"] != "query").collect();
        let texts: Vec<Vec<u32>> = TEXTS.iter().map(|number| ids(passages[*number])).collect();
        for (name, card, model) in each(family, Quantization::Float32, Task::Embed) {
            let mut seen = Vec::new();
            let mut look = |states| seen.push(states);
            let watch = &mut Watch(Some(&mut look));
            model.watched(&*card, &texts, Tier::Passages, &mut Scratch::default(), watch).expect("it runs");
            // The last layer of a decoder is seen after the norm that takes it up.
            let stages = if family == "qwen3" { [0, 1, 2, 4] } else { [0, 1, 2, 3] };
            assert_eq!(seen.len(), stages.len());
            for (stage, states) in stages.into_iter().zip(&seen) {
                let expected: Vec<f32> = TEXTS.iter().flat_map(|text| known(*text, stage)).collect();
                assert_eq!(states.len(), expected.len());
                let error = states.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                println!("{name} {family}, stage {stage}: {error:e} at most");
                assert!(error < 1e-4, "{name} {family}, stage {stage}: {error}");
            }
        }
    }
}

#[test]
fn vectors_equal_those_of_the_reference_and_company_changes_no_bit() {
    for family in FAMILIES {
        for (quantization, allowed) in
            [(Quantization::Float32, 0.999_99), (Quantization::Float16, 0.9999), (Quantization::Int8, 0.98)]
        {
            each(family, quantization, Task::Embed).iter().for_each(|(name, card, model)| {
                compare(&format!("{name} {family} {quantization}"), &**card, model, (family, allowed));
            });
        }
    }
}

fn compare(name: &str, card: &dyn Machine, model: &Model, (family, allowed): (&str, f64)) {
    let rows = golden(&tiny(family));
    let rows = rows["vectors"].as_array().expect("it has vectors");
    // The emulated card is slow; longer texts than these show nothing more.
    let rows: Vec<&Value> = rows.iter().filter(|row| ids(row).len() <= 250).collect();
    let texts: Vec<Vec<u32>> = rows.iter().copied().map(ids).collect();
    let mut scratch = Scratch::default();
    let together = model.encode(card, &texts, Tier::Passages, &mut scratch).expect("it runs");
    let mut least = 1.0f64;
    for (row, vector) in rows.iter().zip(&together) {
        let expected: Vec<f32> = serde_json::from_value(row["vector"].clone()).expect("a row has a vector");
        least = least.min(cosine(vector, &expected));
    }
    println!("{name}: cosine {least:.7} at least");
    assert!(least >= allowed, "{name}: {least}");
    for at in [0, texts.len() / 2, texts.len() - 1] {
        let alone = model.encode(card, &texts[at..=at], Tier::Passages, &mut scratch).expect("it runs");
        assert!(alone[0].iter().zip(&together[at]).all(|(a, b)| a.to_bits() == b.to_bits()), "{name}, {at}");
    }
}

#[test]
fn scores_of_encoders_equal_those_of_the_reference() {
    for family in ["bert", "xlm-roberta"] {
        scores(family, Task::Rerank(None));
    }
}

#[test]
fn scores_of_a_decoder_equal_those_of_the_reference() {
    let folder = tiny("qwen3");
    let settings = Settings::read(&folder).expect("the folder is a model");
    let tokenizer = ModelTokenizer::load(&folder, &settings).expect("it has a tokenizer");
    let token = |word: &str| tokenizer.token(word).expect("it knows the answers");
    scores("qwen3", Task::Rerank(Some(Answers { yes: token("yes"), no: token("no") })));
}

fn scores(family: &str, task: Task) {
    for (name, card, model) in each(family, Quantization::Float32, task) {
        for pair in golden(&tiny(family))["scores"].as_array().expect("it has scores").iter().take(3) {
            let segments = serde_json::from_value::<Vec<u32>>(pair["segments"].clone()).unwrap_or_default();
            let segments = segments.into_iter().chain(std::iter::repeat(0));
            let text: Vec<u32> = ids(pair).iter().zip(segments).map(|(id, segment)| id | (segment << 31)).collect();
            let found = model.encode(&*card, &[text], Tier::Queries, &mut Scratch::default()).expect("it runs");
            let expected = pair["score"].as_f64().expect("a pair has a score");
            assert!((f64::from(found[0][0]) - expected).abs() < 2e-6, "{name} {family}: {found:?} for {expected}");
        }
    }
}

#[test]
fn full_memory_is_told_apart_and_leaves_the_model_usable() {
    let folder = tiny("bert");
    let settings = Settings::read(&folder).expect("the folder is a model");
    let mut card = Emulator::new(form(known(&folder, &settings), Quantization::Float32));
    let model = Model::load(&card, &folder, &settings, Quantization::Float32, Task::Embed).expect("it loads");
    card.largest = 200_000;
    let mut scratch = Scratch::default();
    let long = vec![vec![5; 60]; 40];
    assert_eq!(model.encode(&card, &long, Tier::Passages, &mut scratch), Err(Fault::Memory));
    assert_eq!(model.encode(&card, &long[..1], Tier::Passages, &mut scratch).map(|vectors| vectors.len()), Ok(1));
    assert_eq!(model.encode(&card, &[], Tier::Passages, &mut scratch), Ok(Vec::new()));
}

#[test]
fn what_would_be_read_past_the_end_of_a_table_is_refused() {
    let folder = tiny("bert");
    let settings = Settings::read(&folder).expect("the folder is a model");
    let card = Emulator::new(form(known(&folder, &settings), Quantization::Float32));
    let model = Model::load(&card, &folder, &settings, Quantization::Float32, Task::Embed).expect("it loads");
    for text in [vec![1; settings.max_tokens + 1], vec![settings.shape.vocabulary() as u32]] {
        let said = model.encode(&card, &[text], Tier::Queries, &mut Scratch::default());
        assert!(matches!(said, Err(Fault::Broken(_))), "{said:?}");
    }
}

#[test]
fn a_size_that_rows_cannot_be_read_by_is_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for file in ["config.json", "tokenizer.json", "model.safetensors"] {
        std::fs::copy(tiny("bert").join(file), folder.path().join(file)).expect("the fixture is there");
    }
    let path = folder.path().join("config.json");
    let mut config: Value = serde_json::from_slice(&std::fs::read(&path).expect("it is there")).expect("it is JSON");
    config["intermediate_size"] = json!(100);
    std::fs::write(&path, config.to_string()).expect("it is writable");
    let settings = Settings::read(folder.path()).expect("the processor takes it");
    let said = Family::of(folder.path(), &settings).err();
    assert!(said.is_some_and(|error| error.to_string().contains("EMBEDDING_DEVICE=cpu")));
}
