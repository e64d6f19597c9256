//! The default model's vectors equal those of the reference implementation.

use std::path::PathBuf;
use std::sync::Arc;

use semantik_core::collection::Quantization;
use semantik_inference::local::{LocalOptions, open_local};
use semantik_inference::models::{DEFAULT_MODEL, ModelCache};
use semantik_inference::{Embedder, InferenceError, Purpose};
use tokio_util::sync::CancellationToken;

#[derive(serde::Deserialize)]
struct Row {
    text: String,
    vector: Vec<f32>,
}

fn folder() -> PathBuf {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../.cache/models");
    let cache = std::env::var_os("SEMANTIK_TEST_MODEL_DIR").map_or(root, PathBuf::from);
    ModelCache::new(cache).resolve(DEFAULT_MODEL).expect("the test model is not there: run `make test-model`")
}

fn open(threads: usize, quantization: Quantization) -> Arc<dyn Embedder> {
    open_local(&folder(), DEFAULT_MODEL, LocalOptions { threads, quantization }).expect("the model loads")
}

fn reference() -> Vec<Row> {
    serde_json::from_str(include_str!("data/reference.json")).expect("the reference is JSON")
}

async fn embed(model: &dyn Embedder, texts: &[String]) -> Vec<Vec<f32>> {
    model.embed(texts.to_vec(), Purpose::Passage, &CancellationToken::new()).await.expect("texts are embedded")
}

fn cosine(left: &[f32], right: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    dot(left, right) / (dot(left, left) * dot(right, right)).sqrt()
}

#[tokio::test]
async fn vectors_equal_those_of_the_reference() {
    let rows = reference();
    let texts: Vec<String> = rows.iter().map(|row| row.text.clone()).collect();
    for (quantization, allowed, on_average) in [
        (Quantization::Float32, 0.999_99, 0.999_999),
        (Quantization::Float16, 0.9999, 0.999_99),
        (Quantization::Int8, 0.97, 0.995),
    ] {
        let vectors = embed(&*open(0, quantization), &texts).await;
        let (mut least, mut sum) = (1.0f64, 0.0);
        for (row, vector) in rows.iter().zip(&vectors) {
            let cosine = cosine(&row.vector, vector);
            let text: String = row.text.chars().take(40).collect();
            assert!(cosine >= allowed, "{quantization}: cosine {cosine} of {text:?}");
            assert!(
                (vector.iter().map(|value| value * value).sum::<f32>() - 1.0).abs() < 1e-5,
                "{text:?} has length 1"
            );
            least = least.min(cosine);
            sum += cosine;
        }
        let mean = sum / rows.len() as f64;
        println!("{quantization}: cosine {mean:.7} on average, {least:.7} at least, of {} texts", rows.len());
        assert!(mean >= on_average, "{quantization}: cosine {mean} on average");
    }
}

#[tokio::test]
async fn a_vector_is_bit_for_bit_the_same_alone_and_in_company() {
    for quantization in Quantization::ALL {
        company_changes_nothing(&*open(2, *quantization)).await;
    }
}

async fn company_changes_nothing(model: &dyn Embedder) {
    let words: Vec<String> = (0..90).map(|number| format!("word{number}")).collect();
    let mut texts: Vec<String> = (0..words.len()).map(|length| words[..length].join(" ")).collect();
    texts.extend(reference().into_iter().map(|row| row.text));
    let together = embed(model, &texts).await;
    for (text, vector) in texts.iter().zip(&together) {
        let alone = embed(model, std::slice::from_ref(text)).await;
        assert!(
            alone[0].iter().zip(vector).all(|(alone, company)| alone.to_bits() == company.to_bits()),
            "{}: {text:?} differs in company",
            model.info().quantization
        );
    }
}

#[tokio::test]
async fn a_cancelled_call_ends_at_once() {
    let model = open(1, Quantization::Float16);
    let cancel = CancellationToken::new();
    let texts = vec!["some words that take a while ".repeat(60); 2000];
    let (result, ()) = tokio::join!(model.embed(texts, Purpose::Passage, &cancel), async {
        tokio::task::yield_now().await;
        cancel.cancel();
    });
    assert!(matches!(result, Err(InferenceError::Cancelled)));
}

#[tokio::test]
async fn no_text_gives_no_vector() {
    assert!(embed(&*open(1, Quantization::Float16), &[]).await.is_empty());
}

#[test]
fn token_spans_lie_in_the_text_and_cover_its_words() {
    let counter = open(1, Quantization::Float16).tokens();
    let text = "Grüße, 世界! naïve\ncode_name ".repeat(3000);
    let spans = counter.spans(&text);
    let one = counter.spans("Grüße, 世界! naïve\ncode_name ").len();
    assert_eq!(spans.len(), one * 3000);
    assert!(
        spans.iter().all(|(start, end)| start < end && text.is_char_boundary(*start) && text.is_char_boundary(*end))
    );
    assert!(spans.is_sorted());
    let first: Vec<&str> = spans.iter().take(4).map(|(start, end)| &text[*start..*end]).collect();
    assert_eq!(first, ["Gr", "ü", "ße", ","]);
}
