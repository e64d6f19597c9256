//! The default model in float16, from `make test-model`.

use std::path::PathBuf;

use axum::http::StatusCode;
use semantik_config::Config;
use serde::Deserialize;
use serde_json::json;

use super::service::{Service, vector};

/// A text with the vector of the reference implementation.
#[derive(Deserialize)]
struct Row {
    text: String,
    vector: Vec<f32>,
}

async fn service() -> Service {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../.cache/models");
    let mut config = Config::default();
    config.embedding.cache_dir = std::env::var_os("SEMANTIK_TEST_MODEL_DIR").map_or(root, PathBuf::from);
    Service::with(config).await
}

#[tokio::test]
async fn vectors_are_those_of_the_reference_in_every_shape() {
    let service = service().await;
    let text = include_str!("../../../../semantik-inference/tests/data/reference.json");
    let rows: Vec<Row> = serde_json::from_str(text).expect("the reference is JSON");
    let texts: Vec<&str> = rows.iter().take(4).map(|row| row.text.as_str()).collect();
    let openai = service.post("/v1/embeddings", json!({ "input": texts })).await.json();
    let tei = service.post("/embed", json!({ "inputs": texts, "truncate": true })).await.json();
    let own = service.post("/embed", json!({ "texts": texts })).await.json();
    for (at, row) in rows.iter().take(4).enumerate() {
        let made = vector(&own["embeddings"][at]);
        assert_eq!(made, vector(&openai["data"][at]["embedding"]));
        assert_eq!(made, vector(&tei[at]));
        let cosine: f32 = made.iter().zip(&row.vector).map(|(a, b)| a * b).sum();
        assert!(cosine > 0.9999, "{cosine} for {:?}", row.text);
    }
    assert_eq!(service.get("/models").await.json()["models"][0]["state"], "loaded");
    assert_eq!(service.post("/models/unload", json!({})).await.json()["unloaded"], 1);
}

#[tokio::test]
async fn one_word_of_ten_megabytes_is_cut_or_refused_and_an_unknown_model_is_told() {
    let service = service().await;
    let word = "x".repeat(10 << 20);
    let cut = service.post("/embed", json!({ "texts": [word] })).await;
    assert_eq!(cut.status, StatusCode::OK, "{}", cut.body);
    let counted = service.post("/v1/embeddings", json!({ "input": word })).await.json();
    assert!(counted["usage"]["prompt_tokens"].as_u64().expect("a count") <= 256);
    service.post("/embed", json!({ "texts": ["x"], "model": "no/such" })).await.assert_problem(404, "not_found");
    let openai = service.post("/v1/embeddings", json!({ "input": "x", "model": "text-embedding-3-small" })).await;
    assert_eq!((openai.status.as_u16(), &openai.json()["error"]["code"]), (404, &json!("model_not_found")));
}
