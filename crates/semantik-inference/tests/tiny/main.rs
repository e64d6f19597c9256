//! Small random checkpoints of each family give what the reference implementation gives.
//!
//! `scripts/reference/tiny_models.py` made the checkpoints and what they are compared with.

mod gte;

use std::path::Path;
use std::sync::Arc;

use safetensors::SafeTensors;
use safetensors::tensor::{TensorView, serialize_to_file};
use semantik_core::collection::Quantization;
use semantik_inference::local::{LocalOptions, open_local, open_reranker, open_shortened};
use semantik_inference::{Embedder, InferenceError, Purpose, Reranker};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

const FAMILIES: [&str; 7] = ["qwen3", "bert", "xlm-roberta", "mpnet", "modernbert", "nomic", "gte"];
/// Those of which there are rerankers.
const RERANKERS: [&str; 6] = ["qwen3", "bert", "xlm-roberta", "mpnet", "modernbert", "gte"];

#[derive(serde::Deserialize)]
struct Golden {
    vectors: Vec<Text>,
    scores: Vec<Pair>,
}

#[derive(serde::Deserialize)]
struct Text {
    purpose: String,
    text: String,
    vector: Vec<f32>,
    /// Its shortened form, where the family has one of its own.
    #[serde(default)]
    short: Vec<f32>,
}

#[derive(serde::Deserialize)]
struct Pair {
    query: String,
    passage: String,
    score: f32,
}

impl Text {
    fn purpose(&self) -> Purpose {
        if self.purpose == "query" { Purpose::Query } else { Purpose::Passage }
    }
}

fn golden(folder: &TempDir) -> Golden {
    let text = std::fs::read(folder.path().join("golden.json")).expect("the fixture is there");
    serde_json::from_slice(&text).expect("the fixture is known")
}

fn edit(folder: &TempDir, file: &str, change: impl FnOnce(&mut Value)) {
    let path = folder.path().join(file);
    let mut value = serde_json::from_slice(&std::fs::read(&path).expect("it is there")).expect("it is JSON");
    change(&mut value);
    std::fs::write(path, value.to_string()).expect("a temporary folder is writable");
}

/// A copy, since a stamp is written beside the weights.
fn copy(family: &str) -> TempDir {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tiny").join(family);
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::create_dir(folder.path().join("1_Pooling")).expect("a temporary folder is writable");
    for file in [
        "config.json",
        "tokenizer.json",
        "model.safetensors",
        "golden.json",
        "config_sentence_transformers.json",
        "1_Pooling/config.json",
    ] {
        std::fs::copy(from.join(file), folder.path().join(file)).expect("the fixture is there");
    }
    folder
}

fn embedding_folder(family: &str) -> TempDir {
    let folder = copy(family);
    edit(&folder, "config.json", |config| config["architectures"] = Value::Null);
    folder
}

/// The published rerankers' tokenizers append nothing to a text, unlike the embedding models'.
fn reranking_folder(family: &str) -> TempDir {
    let folder = copy(family);
    if family == "qwen3" {
        edit(&folder, "tokenizer.json", |tokenizer| tokenizer["post_processor"] = Value::Null);
    }
    folder
}

fn options(quantization: Quantization) -> LocalOptions {
    LocalOptions { threads: 2, quantization }
}

fn embedder(folder: &TempDir, quantization: Quantization) -> Arc<dyn Embedder> {
    open_local(folder.path(), "tiny", options(quantization)).expect("the folder is a model")
}

fn reranker(folder: &TempDir, quantization: Quantization) -> Arc<dyn Reranker> {
    open_reranker(folder.path(), "tiny", options(quantization)).expect("the folder is a reranker")
}

async fn embed(model: &dyn Embedder, texts: &[String], purpose: Purpose) -> Vec<Vec<f32>> {
    model.embed(texts.to_vec(), purpose, &CancellationToken::new()).await.expect("texts are embedded")
}

async fn rerank(model: &dyn Reranker, query: &str, passages: &[String]) -> Vec<f32> {
    let none = CancellationToken::new();
    model.rerank(query.to_owned(), passages.to_vec(), &none).await.expect("pairs are scored")
}

fn cosine(left: &[f32], right: &[f32]) -> f64 {
    assert_eq!(left.len(), right.len());
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    dot(left, right) / (dot(left, left) * dot(right, right)).sqrt()
}

#[tokio::test]
async fn vectors_equal_those_of_the_reference() {
    for family in FAMILIES {
        let folder = embedding_folder(family);
        for (quantization, allowed) in
            [(Quantization::Float32, 0.999_99), (Quantization::Float16, 0.9999), (Quantization::Int8, 0.98)]
        {
            let model = embedder(&folder, quantization);
            let (mut least, mut worst) = (1.0f64, 0.0f32);
            for row in golden(&folder).vectors {
                let vector = &embed(&*model, std::slice::from_ref(&row.text), row.purpose()).await[0];
                least = least.min(cosine(vector, &row.vector));
                worst = vector.iter().zip(&row.vector).fold(worst, |most, (a, b)| most.max((a - b).abs()));
                assert!(least >= allowed, "{family} {quantization} {}: {least} of {:?}", row.purpose, row.text);
                assert!((cosine(vector, vector) - 1.0).abs() < 1e-6);
            }
            println!("{family} {quantization}: cosine {least:.7} at least, {worst:e} apart at most");
        }
    }
}

#[tokio::test]
async fn scores_equal_those_of_the_reference() {
    for family in RERANKERS {
        let folder = reranking_folder(family);
        for (quantization, allowed) in
            [(Quantization::Float32, 2e-6), (Quantization::Float16, 1e-3), (Quantization::Int8, 0.05)]
        {
            let model = reranker(&folder, quantization);
            assert_eq!(model.info().dimensions, 1);
            let mut worst = 0.0f32;
            for pair in golden(&folder).scores {
                let score = rerank(&*model, &pair.query, std::slice::from_ref(&pair.passage)).await[0];
                worst = worst.max((score - pair.score).abs());
                assert!(
                    worst <= allowed,
                    "{family} {quantization}: {score}, not {}, of {:?}, {:?}",
                    pair.score,
                    pair.query,
                    pair.passage
                );
            }
            println!("{family} {quantization}: scores {worst:e} apart at most");
        }
    }
}

#[tokio::test]
async fn vectors_and_scores_are_bit_for_bit_the_same_alone_and_in_company() {
    let words: Vec<String> = (0..70).map(|length| "the hot word ".repeat(length % 23) + &"a".repeat(length)).collect();
    for family in FAMILIES {
        let folder = embedding_folder(family);
        for quantization in Quantization::ALL {
            let model = embedder(&folder, *quantization);
            let together = embed(&*model, &words, Purpose::Passage).await;
            for (text, company) in words.iter().zip(&together) {
                let alone = embed(&*model, std::slice::from_ref(text), Purpose::Passage).await;
                assert!(alone[0].iter().zip(company).all(|(a, b)| a.to_bits() == b.to_bits()), "{family}: {text:?}");
            }
        }
    }
    for family in RERANKERS {
        let scores = reranking_folder(family);
        for quantization in Quantization::ALL {
            let model = reranker(&scores, *quantization);
            let together = rerank(&*model, "what is hot?", &words).await;
            for (text, company) in words.iter().zip(&together) {
                let alone = rerank(&*model, "what is hot?", std::slice::from_ref(text)).await;
                assert_eq!(alone[0].to_bits(), company.to_bits(), "{family} {quantization}: {text:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_shortened_vector_is_the_beginning_of_the_whole_one_at_length_one() {
    let folder = embedding_folder("qwen3");
    let texts = ["How do I reset my password?".to_owned()];
    let whole = embed(&*embedder(&folder, Quantization::Float32), &texts, Purpose::Query).await;
    let length = whole[0][..24].iter().map(|value| value * value).sum::<f32>().sqrt();
    let short = open_shortened(folder.path(), "tiny", options(Quantization::Float32), 24).expect("it has as many");
    assert_eq!(short.info().dimensions, 24);
    let found = embed(&*short, &texts, Purpose::Query).await;
    assert_eq!(found[0].len(), 24);
    assert!(found[0].iter().zip(&whole[0]).all(|(short, whole)| (short - whole / length).abs() < 1e-6));
    // The folder itself may say so too.
    edit(&folder, "config_sentence_transformers.json", |file| file["truncate_dim"] = json!(24));
    assert_eq!(embed(&*embedder(&folder, Quantization::Float32), &texts, Purpose::Query).await, found);
    let said = open_shortened(folder.path(), "tiny", options(Quantization::Float32), 65).err();
    assert!(said.is_some_and(|error| error.to_string().contains("it has 1 to 64")));
}

#[tokio::test]
async fn a_shortened_vector_of_nomic_is_normed_before_the_cut() {
    let folder = embedding_folder("nomic");
    let short = open_shortened(folder.path(), "tiny", options(Quantization::Float32), 16).expect("it has as many");
    for row in golden(&folder).vectors {
        let found = &embed(&*short, std::slice::from_ref(&row.text), row.purpose()).await[0];
        let apart = found.iter().zip(&row.short).fold(0.0f32, |most, (a, b)| most.max((a - b).abs()));
        assert!(found.len() == 16 && apart < 1e-5, "{apart:e} of {:?}", row.text);
    }
}

#[derive(serde::Deserialize)]
struct Long {
    text: String,
    times: usize,
    tokens: usize,
    cls: Vec<f32>,
    mean: Vec<f32>,
}

#[tokio::test]
async fn a_text_of_8192_tokens_gives_what_the_reference_gives() {
    for family in ["modernbert", "gte"] {
        let folder = embedding_folder(family);
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tiny").join(family).join("long.json");
        let long: Long = serde_json::from_slice(&std::fs::read(path).expect("the fixture is there")).expect("known");
        edit(&folder, "config.json", |config| config["max_position_embeddings"] = json!(long.tokens));
        let none = json!({ "query": "", "document": "" });
        edit(&folder, "config_sentence_transformers.json", |file| file["prompts"] = none);
        for (pooling, expected) in [("cls", &long.cls), ("mean", &long.mean)] {
            edit(&folder, "1_Pooling/config.json", |file| *file = json!({ "pooling_mode": pooling }));
            let model = embedder(&folder, Quantization::Float32);
            assert_eq!(model.info().max_tokens, 8192);
            let found = &embed(&*model, &[long.text.repeat(long.times)], Purpose::Passage).await[0];
            let apart = found.iter().zip(expected).fold(0.0f32, |most, (a, b)| most.max((a - b).abs()));
            println!("{family} {pooling}: {apart:e} apart at most, cosine {:.7}", cosine(found, expected));
            assert!(cosine(found, expected) >= 0.999_99);
        }
    }
}

#[tokio::test]
async fn a_cancelled_call_of_a_reranker_ends_at_once() {
    let model = reranker(&reranking_folder("bert"), Quantization::Float32);
    let cancel = CancellationToken::new();
    cancel.cancel();
    let result = model.rerank("what".into(), vec!["that".into(); 50], &cancel).await;
    assert!(matches!(result, Err(InferenceError::Cancelled)));
}

fn complaint(result: Result<(), InferenceError>) -> String {
    match result {
        Err(error @ InferenceError::Invalid { .. }) => error.to_string(),
        Err(error) => panic!("another error: {error}"),
        Ok(()) => panic!("the folder was accepted"),
    }
}

fn opened(folder: &TempDir) -> Result<(), InferenceError> {
    open_local(folder.path(), "tiny", options(Quantization::Int8)).map(drop)
}

fn opened_reranker(folder: &TempDir) -> Result<(), InferenceError> {
    open_reranker(folder.path(), "tiny", options(Quantization::Int8)).map(drop)
}

type Tensor = (String, Vec<usize>, Vec<u8>);

/// Writes the weights again: of each tensor what `change` makes of it.
fn rewrite(folder: &TempDir, change: impl Fn(Tensor) -> Vec<Tensor>) {
    let path = folder.path().join("model.safetensors");
    let bytes = std::fs::read(&path).expect("the fixture is there");
    let read = SafeTensors::deserialize(&bytes).expect("it is a safetensors file");
    let tensors = read.tensors();
    let dtype = tensors[0].1.dtype();
    let tensors: Vec<Tensor> = tensors
        .into_iter()
        .flat_map(|(name, view)| change((name, view.shape().to_vec(), view.data().to_vec())))
        .collect();
    let views = tensors.iter().map(|(name, shape, data)| {
        (name, TensorView::new(dtype, shape.clone(), data).expect("the shape fits the data"))
    });
    serialize_to_file(views, None, &path).expect("a temporary folder is writable");
}

/// Leaves out those that `rename` gives no name.
fn rename_tensors(folder: &TempDir, rename: impl Fn(&str) -> Option<String>) {
    rewrite(folder, |(name, shape, data)| rename(&name).map(|name| (name, shape, data)).into_iter().collect());
}

#[test]
fn a_missing_tensor_of_any_family_is_named() {
    for (family, missing) in [
        ("qwen3", "model.layers.1.self_attn.q_norm.weight"),
        ("qwen3", "model.layers.2.mlp.up_proj.weight"),
        ("qwen3", "model.norm.weight"),
        ("xlm-roberta", "roberta.embeddings.position_embeddings.weight"),
        ("mpnet", "mpnet.encoder.relative_attention_bias.weight"),
        ("mpnet", "mpnet.encoder.layer.1.attention.attn.k.bias"),
        ("modernbert", "model.layers.1.attn_norm.weight"),
        ("modernbert", "model.layers.0.attn.Wqkv.weight"),
        ("nomic", "encoder.layers.2.mlp.fc12.weight"),
        ("nomic", "emb_ln.bias"),
        ("gte", "new.encoder.layer.1.mlp.up_gate_proj.weight"),
        ("gte", "new.encoder.layer.2.attention.qkv_proj.bias"),
        ("gte", "new.embeddings.token_type_embeddings.weight"),
    ] {
        let folder = embedding_folder(family);
        rename_tensors(&folder, |name| (name != missing).then(|| name.to_owned()));
        let said = complaint(opened(&folder));
        assert!(said.contains(&format!("tensor {missing} is missing")), "{said}");
    }
    for (family, missing) in [
        ("bert", "bert.pooler.dense.weight"),
        ("bert", "classifier.bias"),
        ("xlm-roberta", "classifier.out_proj.weight"),
        ("modernbert", "head.norm.weight"),
        ("gte", "new.pooler.dense.weight"),
        ("gte", "classifier.bias"),
    ] {
        let folder = reranking_folder(family);
        rename_tensors(&folder, |name| (name != missing).then(|| name.to_owned()));
        let said = complaint(opened_reranker(&folder));
        assert!(said.contains(&format!("tensor {missing} is missing")), "{said}");
    }
}

#[test]
fn a_wrong_shape_of_a_decoder_is_named() {
    let folder = embedding_folder("qwen3");
    edit(&folder, "config.json", |config| config["num_key_value_heads"] = json!(1));
    let said = complaint(opened(&folder));
    assert!(
        said.contains("layers.0.self_attn.k_proj.weight has shape [64, 64], config.json asks for [32, 64]"),
        "{said}"
    );
}

#[tokio::test]
async fn names_may_lack_the_leading_part() {
    let folder = embedding_folder("qwen3");
    let texts = ["the word".to_owned()];
    let expected = embed(&*embedder(&folder, Quantization::Int8), &texts, Purpose::Passage).await;
    rename_tensors(&folder, |name| name.strip_prefix("model.").map(str::to_owned));
    assert_eq!(embed(&*embedder(&folder, Quantization::Int8), &texts, Purpose::Passage).await, expected);
}

#[tokio::test]
async fn weights_may_lie_in_several_files_and_a_missing_one_is_named() {
    let folder = embedding_folder("qwen3");
    let texts = ["the word".to_owned()];
    let expected = embed(&*embedder(&folder, Quantization::Float32), &texts, Purpose::Passage).await;
    let whole = std::fs::read(folder.path().join("model.safetensors")).expect("the fixture is there");
    let parts = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
    let part = |name: &str| parts[usize::from(name.contains("layers.1") || name.contains("mlp"))];
    let mut names = serde_json::Map::new();
    for file in parts {
        rename_tensors(&folder, |name| (part(name) == file).then(|| name.to_owned()));
        std::fs::rename(folder.path().join("model.safetensors"), folder.path().join(file)).expect("it was written");
        std::fs::write(folder.path().join("model.safetensors"), &whole).expect("a temporary folder is writable");
    }
    for name in SafeTensors::deserialize(&whole).expect("it is a safetensors file").names() {
        names.insert(name.to_owned(), json!(part(name)));
    }
    std::fs::remove_file(folder.path().join("model.safetensors")).expect("it was written");
    let index = folder.path().join("model.safetensors.index.json");
    std::fs::write(&index, json!({ "metadata": {}, "weight_map": names }).to_string()).expect("it is writable");
    let model = embedder(&folder, Quantization::Float32);
    assert_eq!(embed(&*model, &texts, Purpose::Passage).await, expected);
    assert_eq!(model.info().hash.len(), 64);
    std::fs::remove_file(folder.path().join(parts[1])).expect("it was written");
    assert!(complaint(opened(&folder)).contains("model-00002-of-00002.safetensors is missing"));
    std::fs::write(&index, json!({ "weight_map": { "norm.weight": "../x" } }).to_string()).expect("it is writable");
    assert!(complaint(opened(&folder)).contains("is no file of the model's folder"));
}

#[tokio::test]
async fn the_newer_form_of_the_settings_files_is_read_too() {
    let folder = embedding_folder("qwen3");
    let texts = ["How do I reset my password?".to_owned()];
    let expected = embed(&*embedder(&folder, Quantization::Float32), &texts, Purpose::Query).await;
    edit(&folder, "config.json", |config| {
        let base = config.as_object_mut().and_then(|config| config.remove("rope_theta"));
        config["rope_parameters"] = json!({ "rope_theta": base, "rope_type": "default" });
    });
    edit(&folder, "1_Pooling/config.json", |file| {
        *file = json!({ "embedding_dimension": 64, "pooling_mode": "lasttoken", "include_prompt": true });
    });
    assert_eq!(embed(&*embedder(&folder, Quantization::Float32), &texts, Purpose::Query).await, expected);
    edit(&folder, "config.json", |config| config["rope_parameters"]["rope_theta"] = json!(10_000));
    assert_ne!(embed(&*embedder(&folder, Quantization::Float32), &texts, Purpose::Query).await, expected);
}

#[test]
fn what_a_family_does_not_do_is_said() {
    for (family, field, value, expected) in [
        ("qwen3", "hidden_act", json!("gelu"), "hidden_act \"gelu\" is not supported"),
        ("qwen3", "rope_scaling", json!({ "rope_type": "yarn", "factor": 4.0 }), "rotary positions of type \"yarn\""),
        ("qwen3", "use_sliding_window", json!(true), "a sliding window is not supported"),
        ("qwen3", "head_dim", json!(20), "heads of 20 numbers are not supported"),
        ("qwen3", "num_key_value_heads", json!(3), "not a multiple of num_key_value_heads"),
        ("modernbert", "hidden_activation", json!("silu"), "hidden_act \"silu\" is not supported"),
        ("modernbert", "classifier_pooling", json!("max"), "classifier_pooling \"max\" is not supported"),
        ("modernbert", "layer_types", json!(["linear_attention"]), "layers of type \"linear_attention\""),
        ("nomic", "prenorm", json!(true), "prenorm is not supported"),
        ("nomic", "rotary_emb_fraction", json!(0.5), "rotary_emb_fraction other than 1 is not supported"),
        ("nomic", "moe_every_n_layers", json!(2), "a mixture of experts"),
        ("nomic", "n_head", json!(3), "not a multiple of num_attention_heads"),
        ("gte", "logn_attention_scale", json!(true), "logn_attention_scale is not supported"),
        ("gte", "logn_attention_clip1", json!(true), "logn_attention_clip1 is not supported"),
        ("gte", "layer_norm_type", json!("rms_norm"), "layer_norm_type other than"),
        ("gte", "position_embedding_type", json!("absolute"), "position_embedding_type other than"),
        ("gte", "hidden_act", json!("silu"), "hidden_act \"silu\" is not supported"),
        ("gte", "rope_scaling", json!({ "type": "yarn", "factor": 2.0 }), "rotary positions of type \"yarn\""),
        ("gte", "rope_scaling", json!({ "type": "ntk", "factor": 2.0, "mixed_b": 0.6 }), "mixed_b in rope_scaling"),
        ("gte", "rope_scaling", json!({ "type": "ntk" }), "rope_scaling lacks a factor"),
        ("gte", "rope_theta", Value::Null, "rope_theta is missing"),
    ] {
        let folder = embedding_folder(family);
        edit(&folder, "config.json", |config| config[field] = value);
        let said = complaint(opened(&folder));
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn a_reranker_is_not_taken_for_an_embedder_nor_a_tokenizer_without_answers_for_a_judge() {
    let said = complaint(opened(&copy("bert")));
    assert!(said.contains("use it as a reranker"), "{said}");
    let folder = reranking_folder("qwen3");
    let rest = |merge: &Value| merge != &json!(["ye", "s"]) && merge != &json!("ye s");
    edit(&folder, "tokenizer.json", |tokenizer| {
        let vocabulary = tokenizer["model"]["vocab"].as_object_mut().expect("it has a vocabulary");
        let id = vocabulary.remove("yes").expect("it has the answer");
        vocabulary.insert("yeah".into(), id);
        let merges = tokenizer["model"]["merges"].as_array_mut().expect("it has merges");
        merges.retain(rest);
    });
    let said = complaint(opened_reranker(&folder));
    assert!(said.contains("it has no token \"yes\""), "{said}");
}
