//! What is said of a model folder that cannot be used. The models here are tiny and meaningless.

use std::collections::BTreeMap;
use std::path::Path;

use safetensors::tensor::{Dtype, TensorView, serialize_to_file};
use semantik_core::collection::Quantization;
use semantik_inference::local::{LocalOptions, PoolingSource, PrefixSource, facts, open_local};
use semantik_inference::models::{ModelCache, ModelKind, Prefixes};
use semantik_inference::{InferenceError, Purpose};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

const HIDDEN: usize = 16;
const INNER: usize = 16;
const WORDS: [&str; 6] = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "hello", "world"];

fn config() -> Value {
    json!({ "model_type": "bert", "hidden_size": HIDDEN, "intermediate_size": INNER, "max_position_embeddings": 32,
            "num_attention_heads": 2, "num_hidden_layers": 1, "vocab_size": WORDS.len(), "hidden_act": "gelu" })
}

fn tokenizer() -> Value {
    let vocab: BTreeMap<&str, usize> = WORDS.iter().enumerate().map(|(id, word)| (*word, id)).collect();
    json!({ "version": "1.0", "truncation": null, "padding": null, "added_tokens": [],
            "normalizer": { "type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": null, "lowercase": true },
            "pre_tokenizer": { "type": "BertPreTokenizer" },
            "post_processor": { "type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2] }, "decoder": null,
            "model": { "type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100, "vocab": vocab } })
}

const OPTIONS: LocalOptions = LocalOptions { threads: 1, quantization: Quantization::Float32 };

fn shapes() -> BTreeMap<String, Vec<usize>> {
    let mut shapes: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (name, rows) in [("word", WORDS.len()), ("position", 32), ("token_type", 2)] {
        shapes.insert(format!("embeddings.{name}_embeddings.weight"), vec![rows, HIDDEN]);
    }
    for (part, rows, columns) in [
        ("attention.self.query", HIDDEN, HIDDEN),
        ("attention.self.key", HIDDEN, HIDDEN),
        ("attention.self.value", HIDDEN, HIDDEN),
        ("attention.output.dense", HIDDEN, HIDDEN),
        ("intermediate.dense", INNER, HIDDEN),
        ("output.dense", HIDDEN, INNER),
    ] {
        shapes.insert(format!("encoder.layer.0.{part}.weight"), vec![rows, columns]);
        shapes.insert(format!("encoder.layer.0.{part}.bias"), vec![rows]);
    }
    for norm in
        ["embeddings.LayerNorm", "encoder.layer.0.attention.output.LayerNorm", "encoder.layer.0.output.LayerNorm"]
    {
        shapes.insert(format!("{norm}.weight"), vec![HIDDEN]);
        shapes.insert(format!("{norm}.bias"), vec![HIDDEN]);
    }
    shapes
}

fn write_weights(folder: &Path, shapes: &BTreeMap<String, Vec<usize>>, dtype: Dtype) {
    let value = |at: usize| ((at * 37 % 101) as f32 - 50.0) / 64.0;
    let buffers: Vec<Vec<u8>> = shapes
        .values()
        .map(|shape| {
            let values = (0..shape.iter().product()).map(value);
            match dtype {
                Dtype::BF16 => values.flat_map(|value| half::bf16::from_f32(value).to_le_bytes()).collect(),
                Dtype::F16 => values.flat_map(|value| half::f16::from_f32(value).to_le_bytes()).collect(),
                _ => values.flat_map(f32::to_le_bytes).collect(),
            }
        })
        .collect();
    let views = shapes.iter().zip(&buffers).map(|((name, shape), bytes)| {
        (name.as_str(), TensorView::new(dtype, shape.clone(), bytes).expect("sizes agree"))
    });
    serialize_to_file(views, None, &folder.join("model.safetensors")).expect("a temporary folder is writable");
}

fn model() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    write(&folder, "config.json", &config());
    write(&folder, "tokenizer.json", &tokenizer());
    write_weights(folder.path(), &shapes(), Dtype::F32);
    folder
}

fn write(folder: &TempDir, file: &str, value: &Value) {
    let path = folder.path().join(file);
    std::fs::create_dir_all(path.parent().expect("it is in a folder")).expect("a temporary folder is writable");
    std::fs::write(path, value.to_string()).expect("a temporary folder is writable");
}

fn complaint(folder: &TempDir) -> String {
    match open_local(folder.path(), "tiny", OPTIONS) {
        Err(error @ InferenceError::Invalid { .. }) => error.to_string(),
        Err(error) => panic!("another error: {error}"),
        Ok(_) => panic!("the folder was accepted"),
    }
}

async fn vector(folder: &TempDir, texts: &[&str]) -> Vec<Vec<f32>> {
    let model = open_local(folder.path(), "tiny", OPTIONS).expect("the folder is a model");
    let texts = texts.iter().map(|text| (*text).to_owned()).collect();
    model.embed(texts, Purpose::Passage, &CancellationToken::new()).await.expect("texts are embedded")
}

#[tokio::test]
async fn half_precision_weights_give_the_same_vectors() {
    let folder = model();
    let exact = vector(&folder, &["hello world"]).await;
    for dtype in [Dtype::F16, Dtype::BF16] {
        write_weights(folder.path(), &shapes(), dtype);
        assert!(
            vector(&folder, &["hello world"]).await[0]
                .iter()
                .zip(&exact[0])
                .all(|(half, exact)| (half - exact).abs() < 0.02)
        );
    }
}

#[tokio::test]
async fn a_vector_of_a_tiny_model_does_not_depend_on_company_either() {
    let folder = model();
    let texts: Vec<String> = (0..40).map(|length| "hello world ".repeat(length % 20)).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let together = vector(&folder, &texts).await;
    for (text, company) in texts.iter().zip(&together) {
        assert_eq!(&vector(&folder, &[text]).await[0], company, "{text:?}");
    }
}

#[tokio::test]
async fn cls_pooling_is_honoured() {
    let folder = model();
    let mean = vector(&folder, &["hello world"]).await;
    write(
        &folder,
        "1_Pooling/config.json",
        &json!({ "pooling_mode_cls_token": true, "pooling_mode_mean_tokens": false }),
    );
    assert_ne!(vector(&folder, &["hello world"]).await, mean);
}

#[test]
fn a_missing_file_is_named() {
    for file in ["config.json", "tokenizer.json", "model.safetensors"] {
        let folder = model();
        std::fs::remove_file(folder.path().join(file)).expect("it was written");
        assert!(complaint(&folder).contains(&format!("{file} is missing")));
    }
}

#[test]
fn weights_cut_short_are_recognised() {
    let folder = model();
    let file = folder.path().join("model.safetensors");
    let bytes = std::fs::read(&file).expect("it was written");
    for length in [0, 4, 100, bytes.len() - 1] {
        std::fs::write(&file, &bytes[..length]).expect("a temporary folder is writable");
        assert!(complaint(&folder).contains("model.safetensors"), "{length} bytes");
    }
}

#[test]
fn a_missing_tensor_and_a_wrong_shape_are_named() {
    let folder = model();
    let mut some = shapes();
    some.remove("encoder.layer.0.intermediate.dense.bias");
    write_weights(folder.path(), &some, Dtype::F32);
    assert!(complaint(&folder).contains("tensor encoder.layer.0.intermediate.dense.bias is missing"));
    some.insert("encoder.layer.0.intermediate.dense.bias".into(), vec![INNER + 1]);
    write_weights(folder.path(), &some, Dtype::F32);
    assert!(complaint(&folder).contains("has shape [17], config.json asks for [16]"));
}

#[test]
fn an_unsupported_family_is_told_what_is_supported() {
    let folder = model();
    let mut other = config();
    other["model_type"] = json!("llama");
    write(&folder, "config.json", &other);
    let said = complaint(&folder);
    assert!(said.contains("\"llama\" is not supported; supported: bert"), "{said}");
}

#[test]
fn a_tokenizer_with_more_words_than_the_table_is_refused() {
    let folder = model();
    let mut larger = tokenizer();
    larger["model"]["vocab"]["extra"] = json!(6);
    write(&folder, "tokenizer.json", &larger);
    let said = complaint(&folder);
    assert!(said.contains("knows token id 6, but the embedding table has only 6 rows; it belongs to"), "{said}");
}

#[test]
fn a_tokenizer_of_another_model_or_none_at_all_is_refused() {
    let folder = model();
    let mut table = shapes();
    table.insert("embeddings.word_embeddings.weight".into(), vec![2000, HIDDEN]);
    write_weights(folder.path(), &table, Dtype::F32);
    let mut larger = config();
    larger["vocab_size"] = json!(2000);
    write(&folder, "config.json", &larger);
    let said = complaint(&folder);
    assert!(said.contains("knows ids up to 5, but the embedding table has 2000 rows; it belongs to"), "{said}");
    for other in [json!({ "model": { "type": "Unheard" } }), json!([1, 2]), json!({})] {
        write(&folder, "tokenizer.json", &other);
        let said = complaint(&folder);
        assert!(said.contains("tokenizer.json: it is no tokenizer"), "{said}");
    }
    std::fs::write(folder.path().join("tokenizer.json"), b"\x80\x02binary").expect("a temporary folder is writable");
    assert!(complaint(&folder).contains("tokenizer.json: it is no tokenizer"));
}

#[tokio::test]
async fn weights_that_are_not_numbers_are_named() {
    let folder = model();
    let path = folder.path().join("model.safetensors");
    let spoil = |tensor: &str| {
        write_weights(folder.path(), &shapes(), Dtype::F32);
        let mut bytes = std::fs::read(&path).expect("it was written");
        let data = 8 + u64::from_le_bytes(bytes[..8].try_into().expect("eight bytes")) as usize;
        let header: Value = serde_json::from_slice(&bytes[8..data]).expect("a header");
        let place = |at: usize| data + header[tensor]["data_offsets"][at].as_u64().expect("an offset") as usize;
        let (start, end) = (place(0), place(1));
        bytes[start..end].as_chunks_mut::<4>().0.iter_mut().for_each(|raw| *raw = f32::NAN.to_le_bytes());
        std::fs::write(&path, bytes).expect("a temporary folder is writable");
    };
    spoil("encoder.layer.0.intermediate.dense.weight");
    let said = complaint(&folder);
    assert!(
        said.contains("encoder.layer.0.intermediate.dense.weight has a weight that is not a finite number"),
        "{said}"
    );
    // The table of words is not read as a whole when a model is loaded.
    spoil("embeddings.word_embeddings.weight");
    let model = open_local(folder.path(), "tiny", OPTIONS).expect("the rest is sound");
    let error =
        model.embed(vec!["hello".into()], Purpose::Passage, &CancellationToken::new()).await.expect_err("no number");
    assert!(error.to_string().contains("not finite numbers, so its weights are damaged"), "{error}");
}

#[test]
fn pooling_is_what_the_folder_says_else_the_catalogue_else_assumed() {
    let folder = model();
    let found = |folder: &TempDir| facts(folder.path()).map(|facts| (facts.pooling, facts.pooling_source)).ok();
    assert_eq!(found(&folder), Some((Some("mean"), PoolingSource::Assumed)));
    let mut named = config();
    named["_name_or_path"] = json!("BAAI/bge-small-en-v1.5");
    write(&folder, "config.json", &named);
    assert_eq!(found(&folder), Some((Some("cls"), PoolingSource::Catalogue)));
    write(&folder, "1_Pooling/config.json", &json!({ "pooling_mode": "lasttoken" }));
    assert_eq!(found(&folder), Some((Some("lasttoken"), PoolingSource::Folder)));
    write(&folder, "1_Pooling/config.json", &json!({ "pooling_mode": "max" }));
    assert!(complaint(&folder).contains("exactly one of mean, cls and last-token pooling is supported"));
}

#[test]
fn steps_that_are_named_and_missing_or_not_known_are_refused() {
    let folder = model();
    let step = |path: &str, kind: &str| json!({ "path": path, "type": format!("sentence_transformers.models.{kind}") });
    write(
        &folder,
        "modules.json",
        &json!([step("", "Transformer"), step("1_Pooling", "Pooling"), step("2", "Normalize")]),
    );
    assert!(complaint(&folder).contains("1_Pooling/config.json is missing, which modules.json names"));
    write(&folder, "1_Pooling/config.json", &json!({ "pooling_mode": "mean" }));
    open_local(folder.path(), "tiny", OPTIONS).expect("every step is known");
    write(&folder, "modules.json", &json!([step("", "Transformer"), step("2_Dense", "Dense")]));
    let said = complaint(&folder);
    assert!(said.contains("a step of type \"Dense\" is not supported"), "{said}");
}

#[tokio::test]
async fn prefixes_are_the_owners_else_the_folders_else_those_of_the_name() {
    let (source, place) = (model(), tempfile::tempdir().expect("a temporary folder"));
    let cache = ModelCache::new(place.path());
    let folder = cache.import(source.path(), "me/e5-small-tuned").expect("it is a model").folder;
    let found = || facts(&folder).map(|facts| (facts.prefixes.query, facts.prefix_source)).expect("it is a model");
    assert_eq!(found(), ("query: ".to_owned(), PrefixSource::Rule("E5")));
    let sentence = folder.join("config_sentence_transformers.json");
    let empty = json!({ "prompts": { "query": "", "document": "" }, "default_prompt_name": null }).to_string();
    std::fs::write(&sentence, empty).expect("a temporary folder is writable");
    assert_eq!(found().1, PrefixSource::Rule("E5"));
    std::fs::write(&sentence, json!({ "prompts": { "query": "ask: " } }).to_string()).expect("it is writable");
    assert_eq!(found(), ("ask: ".to_owned(), PrefixSource::Folder));
    let own = Prefixes { query: "hello ".into(), passage: String::new() };
    cache.set_prefixes("me/e5-small-tuned", Some(own)).expect("it is there");
    assert_eq!(found(), ("hello ".to_owned(), PrefixSource::Owner));
    // What is written before a query takes effect.
    let model = open_local(&folder, "tuned", OPTIONS).expect("it is a model");
    let none = CancellationToken::new();
    let query = model.embed(vec!["world".into()], Purpose::Query, &none).await.expect("texts are embedded");
    assert_eq!(query, vector(&source, &["hello world"]).await);
    // Copying the model anew keeps what its owner set.
    cache.import(source.path(), "me/e5-small-tuned").expect("it is a model");
    assert_eq!(found().1, PrefixSource::Owner);
    cache.set_prefixes("me/e5-small-tuned", None).expect("it is there");
    assert_eq!(found().1, PrefixSource::Rule("E5"));
}

#[test]
fn a_reranker_is_known_by_its_architecture_or_its_name() {
    let folder = model();
    let kind = |folder: &TempDir| facts(folder.path()).map(|facts| (facts.kind, facts.dimensions)).ok();
    assert_eq!(kind(&folder), Some((ModelKind::Embedding, HIDDEN)));
    let mut other = config();
    other["architectures"] = json!(["BertForSequenceClassification"]);
    write(&folder, "config.json", &other);
    assert_eq!(kind(&folder), Some((ModelKind::Reranker, 1)));
    let mut named = config();
    named["_name_or_path"] = json!("Qwen/Qwen3-Reranker-0.6B");
    write(&folder, "config.json", &named);
    assert_eq!(kind(&folder), Some((ModelKind::Reranker, 1)));
    assert!(complaint(&folder).contains("use it as a reranker"));
}
