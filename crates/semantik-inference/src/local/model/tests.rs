//! The states of every layer equal those of the reference implementation.

use std::path::{Path, PathBuf};

use safetensors::SafeTensors;
use serde_json::Value;

use super::{Model, Task};
use crate::local::hands::tests::helped;
use crate::local::linear::Precision;
use crate::local::scratch::Scratch;
use crate::local::settings::Settings;

const TEXTS: [usize; 3] = [2, 4, 6];

fn tiny(family: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tiny").join(family)
}

/// The ids of the texts whose states are known, by their number.
fn ids(folder: &Path) -> Vec<Vec<u32>> {
    let text = std::fs::read(folder.join("golden.json")).expect("the fixture is there");
    let golden: Value = serde_json::from_slice(&text).expect("it is JSON");
    let rows = golden["vectors"].as_array().expect("it has vectors");
    let passages: Vec<&Value> = rows.iter().filter(|row| row["purpose"] != "query").collect();
    let ids = |number: &usize| serde_json::from_value(passages[*number]["ids"].clone()).expect("a row has ids");
    TEXTS.iter().map(ids).collect()
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks::<4>().0.iter().map(|raw| f32::from_le_bytes(*raw)).collect()
}

#[test]
fn every_layer_is_within_a_ten_thousandth_of_the_reference() {
    for (family, stages) in
        [("qwen3", 5), ("bert", 4), ("xlm-roberta", 4), ("mpnet", 4), ("modernbert", 7), ("nomic", 4), ("gte", 4)]
    {
        let folder = tiny(family);
        let settings = Settings::read(&folder).expect("the folder is a model");
        let model = Model::load(&folder, &settings, Precision::Float32, Task::Embed, None).expect("the weights load");
        let bytes = std::fs::read(folder.join("states.safetensors")).expect("the fixture is there");
        let reference = SafeTensors::deserialize(&bytes).expect("it is a safetensors file");
        // All texts in one unit, so that their company is tested too.
        let (texts, mut seen) = (ids(&folder), Vec::new());
        model.run(&texts, &mut Scratch::default(), &mut |states| seen.push(states.to_vec()));
        assert_eq!(seen.len(), stages);
        for (stage, states) in seen.iter().enumerate() {
            let expected: Vec<f32> = TEXTS
                .iter()
                .flat_map(|text| floats(reference.tensor(&format!("{text}.{stage}")).expect("it is known").data()))
                .collect();
            assert_eq!(states.len(), expected.len());
            let largest = expected.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
            let error = states.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            println!("{family}, stage {stage}: {error:e} at most, of numbers up to {largest}");
            assert!(error < 1e-4, "{family}, stage {stage}: {error}");
        }
    }
}

#[test]
fn helpers_change_no_bit_of_any_model_in_any_precision() {
    for family in ["qwen3", "bert", "xlm-roberta", "mpnet", "modernbert", "nomic", "gte"] {
        let folder = tiny(family);
        let settings = Settings::read(&folder).expect("the folder is a model");
        let texts = ids(&folder);
        for precision in [Precision::Float32, Precision::Float16, Precision::Int8] {
            let model = Model::load(&folder, &settings, precision, Task::Embed, None).expect("the weights load");
            let alone = model.encode(&texts, &mut Scratch::default(), &mut || {});
            helped(3, |hands| {
                let mut scratch = Scratch { hands: std::mem::take(hands), ..Scratch::default() };
                for _ in 0..50 {
                    assert!(model.encode(&texts, &mut scratch, &mut || {}) == alone, "{family} {precision:?}");
                }
            });
        }
    }
}
