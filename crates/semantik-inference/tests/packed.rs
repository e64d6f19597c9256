//! Packed weights kept beside a model: the same bits with them and without, whatever happens to the
//! file. The models here are tiny and random.

use std::fs;
use std::path::{Path, PathBuf};

use semantik_config::Device;
use semantik_core::collection::Quantization;
use semantik_inference::Purpose;
use semantik_inference::local::{LocalOptions, Models, ModelsOptions, open_local, open_reranker};
use semantik_inference::models::ModelCache;
use serde_json::Value;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

const FAMILIES: [&str; 4] = ["qwen3", "bert", "xlm-roberta", "gte"];
const FILES: [&str; 5] = [
    "config.json",
    "tokenizer.json",
    "model.safetensors",
    "config_sentence_transformers.json",
    "1_Pooling/config.json",
];

fn fixture(family: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tiny").join(family)
}

fn copy(family: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::create_dir(folder.path().join("1_Pooling")).expect("a temporary folder is writable");
    for file in FILES {
        fs::copy(fixture(family).join(file), folder.path().join(file)).expect("the fixture is there");
    }
    folder
}

/// As [`copy`], to be used for vectors: what says that it is a reranker is taken out.
fn embedding(family: &str) -> TempDir {
    let folder = copy(family);
    edit(&folder, "architectures", Value::Null);
    folder
}

fn edit(folder: &TempDir, field: &str, value: Value) {
    let path = folder.path().join("config.json");
    let mut config: Value = serde_json::from_slice(&fs::read(&path).expect("it is there")).expect("it is JSON");
    config[field] = value;
    fs::write(path, config.to_string()).expect("a temporary folder is writable");
}

/// Where no folder can be made, nothing is kept.
fn forbid(folder: &TempDir) {
    fs::write(folder.path().join(".packed"), "a file").expect("a temporary folder is writable");
}

fn files(folder: &TempDir) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder.path().join(".packed")).expect("something is kept");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("it can be read").path()).collect();
    files.sort();
    files
}

async fn vectors(folder: &TempDir, quantization: Quantization) -> Vec<Vec<u32>> {
    let options = LocalOptions { threads: 1, quantization };
    let model = open_local(folder.path(), "tiny", options).expect("the folder is a model");
    let texts = ["a first text", "another one, which is longer", ""].map(str::to_owned).to_vec();
    let made = model.embed(texts, Purpose::Passage, &CancellationToken::new()).await.expect("texts are embedded");
    made.iter().map(|vector| vector.iter().map(|number| number.to_bits()).collect()).collect()
}

async fn scores(folder: &TempDir, quantization: Quantization) -> Vec<u32> {
    let options = LocalOptions { threads: 1, quantization };
    let model = open_reranker(folder.path(), "tiny", options).expect("the folder is a reranker");
    let passages = ["a first text", "another one"].map(str::to_owned).to_vec();
    let made = model.rerank("a question".into(), passages, &CancellationToken::new()).await.expect("pairs are scored");
    made.iter().map(|score| score.to_bits()).collect()
}

#[tokio::test]
async fn results_are_bit_for_bit_the_same_packed_anew_and_mapped() {
    for family in FAMILIES {
        let (kept, never, reranker) = (embedding(family), embedding(family), copy(family));
        forbid(&never);
        for quantization in Quantization::ALL {
            let expected = vectors(&never, *quantization).await;
            assert_eq!(vectors(&kept, *quantization).await, expected, "{family} {quantization}, first");
            let before = files(&kept);
            let written = |path: &PathBuf| path.metadata().expect("it is there").modified().expect("it has a time");
            let times: Vec<_> = before.iter().map(written).collect();
            assert_eq!(vectors(&kept, *quantization).await, expected, "{family} {quantization}, mapped");
            assert_eq!(files(&kept).iter().map(written).collect::<Vec<_>>(), times, "nothing is packed again");
            let first = scores(&reranker, *quantization).await;
            assert_eq!(scores(&reranker, *quantization).await, first, "{family} {quantization}, scores");
        }
        assert_eq!(files(&kept).len(), Quantization::ALL.len(), "one file for each precision");
    }
}

#[tokio::test]
async fn a_damaged_or_foreign_file_is_made_again() {
    let folder = embedding("bert");
    let expected = vectors(&folder, Quantization::Float16).await;
    let [path] = &files(&folder)[..] else { panic!("one file is kept") };
    let whole = fs::read(path).expect("it can be read");
    let damage = (0..whole.len()).step_by(whole.len() / 20).chain(0..32);
    for at in damage {
        let mut flipped = whole.clone();
        flipped[at] ^= 1;
        for content in [&flipped, &whole[..at].to_vec()] {
            fs::write(path, content).expect("it can be written");
            assert_eq!(vectors(&folder, Quantization::Float16).await, expected, "byte {at}");
        }
    }
    assert_eq!(fs::read(path).expect("it is there"), whole, "it was made again");
}

#[tokio::test]
async fn another_model_takes_nothing_from_the_file_of_the_first_and_removes_it() {
    let (folder, other) = (embedding("bert"), embedding("bert"));
    forbid(&other);
    vectors(&folder, Quantization::Int8).await;
    let first = files(&folder);
    fs::write(folder.path().join(".packed/.tmp1234"), "what a killed process left").expect("writable");
    for folder in [&folder, &other] {
        // The scale of the softmax is packed into the queries' weights.
        edit(folder, "num_attention_heads", 1.into());
    }
    assert_eq!(vectors(&folder, Quantization::Int8).await, vectors(&other, Quantization::Int8).await);
    assert_eq!(files(&folder).len(), 1);
    assert_ne!(files(&folder), first);
}

#[tokio::test]
async fn weights_that_change_under_a_running_model_are_refused() {
    let root = tempfile::tempdir().expect("a temporary folder");
    let cache = ModelCache::new(root.path());
    let path = cache.import(embedding("bert").path(), "tiny").expect("a model").folder.join("model.safetensors");
    let options = ModelsOptions {
        cache,
        threads: 1,
        idle: None,
        memory_bytes: None,
        device: Device::Cpu,
        kernels: None,
        queue_tokens: 1000,
        mock: false,
    };
    let model = Models::new(options).embedder("tiny", Quantization::Float32).expect("a model");
    let mut weights = fs::read(&path).expect("it is there");
    *weights.last_mut().expect("it is not empty") ^= 1;
    fs::write(path, weights).expect("a temporary folder is writable");
    let never = CancellationToken::new();
    let error =
        model.embed(vec![String::new()], Purpose::Query, &never).await.expect_err("a vector would have the wrong name");
    assert!(error.to_string().contains("restart"), "{error}");
}

#[tokio::test]
async fn removing_a_model_removes_its_packed_weights() {
    let root = tempfile::tempdir().expect("a temporary folder");
    let cache = ModelCache::new(root.path());
    let model = cache.import(embedding("bert").path(), "tiny").expect("it is a model");
    let options = LocalOptions { threads: 1, quantization: Quantization::Float32 };
    drop(open_local(&model.folder, "tiny", options).expect("it is a model"));
    assert!(model.folder.join(".packed").is_dir());
    assert_eq!(cache.verify("tiny").expect("it is whole").bytes, model.bytes);
    cache.remove("tiny").expect("it is there");
    assert!(!model.folder.exists());
}
