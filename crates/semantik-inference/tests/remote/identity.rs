//! Which model answers, and what it wants written before a text.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use semantik_config::EmbeddingConfig;
use semantik_core::collection::Quantization;
use semantik_core::{ErrorCode, Fingerprint, Provider};
use semantik_inference::models::Prefixes;
use semantik_inference::remote::{RemoteEmbedder, RemoteOptions, open};
use semantik_inference::{Embedder, InferenceError, Purpose};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::server::{Reply, Server, assert_near, error, ok, openai, owned, texts, unit};

const SMALL: &str = "e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5 int8 mean \"passage: \"";
const EXACT: &str = "e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5 float32 mean \"passage: \"";

/// A Semantik model service, as far as its OpenAI dialect goes; it says `small` or `exact`.
async fn ours(is_exact: Arc<AtomicBool>) -> Server {
    Server::start(move |asked, _| {
        let Reply::Json(status, mut headers, body) = openai(asked) else { panic!("an answer is JSON") };
        headers.push(("semantik-model", if is_exact.load(Ordering::Relaxed) { EXACT } else { SMALL }));
        Reply::Json(status, headers, body)
    })
    .await
}

fn e5(server: &Server) -> RemoteOptions {
    let named = RemoteOptions::new(Provider::OpenAi, "intfloat/e5-small-v2");
    RemoteOptions { model: named.model, prefixes: named.prefixes, ..server.options(Provider::OpenAi) }
}

async fn embed(embedder: &RemoteEmbedder, text: &str, purpose: Purpose) -> Result<Vec<Vec<f32>>, InferenceError> {
    embedder.embed(owned(&[text]), purpose, &CancellationToken::new()).await
}

#[tokio::test]
async fn vectors_of_a_semantik_service_are_those_of_its_model() {
    let server = ours(Arc::default()).await;
    let embedder = RemoteEmbedder::connect(e5(&server)).await.expect("the server answers");
    let made: Fingerprint = SMALL.parse().expect("a fingerprint");
    assert_eq!(embedder.info().fingerprint(), made);
    assert_eq!((embedder.info().name.as_str(), embedder.info().dimensions), ("intfloat/e5-small-v2", 2));

    let before = server.asked().len();
    let vectors = embed(&embedder, "where", Purpose::Query).await.expect("a vector");
    assert_near(&vectors, &[unit("where")]);
    embed(&embedder, "there", Purpose::Passage).await.expect("a vector");
    let asked = server.asked().split_off(before);
    let kinds: Vec<&Value> = asked.iter().map(|asked| &asked.body["input_type"]).collect();
    assert_eq!(kinds, ["query", "passage"], "the service writes the prefixes");
    assert_eq!(texts(&asked[0], "input"), ["where"]);
}

#[tokio::test]
async fn a_semantik_service_that_was_down_is_known_with_its_first_answer() {
    let server = ours(Arc::default()).await;
    let embedder = RemoteEmbedder::new_unchecked(e5(&server), 2).expect("good options");
    assert_eq!(embedder.info().quantization, Quantization::Float32, "nothing is known yet");
    let vectors = embed(&embedder, "where", Purpose::Query).await.expect("a vector");
    assert_near(&vectors, &[unit("where")]);
    let asked = server.asked();
    assert_eq!(asked.len(), 2, "asked again in its own words");
    assert_eq!(texts(&asked[0], "input"), ["query: where"]);
    assert_eq!(embedder.info().quantization, Quantization::Int8);

    let other = RemoteEmbedder::new_unchecked(e5(&server), 2).expect("good options");
    assert_eq!(other.identify().await.expect("it answers").quantization, Quantization::Int8);
}

#[tokio::test]
async fn an_answer_without_vectors_says_nothing_of_the_model() {
    let server = Server::start(|asked, number| match (number, openai(asked)) {
        (0, _) => ok(json!("a page of a proxy")),
        (_, Reply::Json(status, mut headers, body)) => {
            headers.push(("semantik-model", SMALL));
            Reply::Json(status, headers, body)
        }
        (_, other) => other,
    })
    .await;
    let embedder = RemoteEmbedder::new_unchecked(e5(&server), 2).expect("good options");
    assert!(matches!(embed(&embedder, "there", Purpose::Passage).await, Err(InferenceError::BadAnswer { .. })));
    embed(&embedder, "there", Purpose::Passage).await.expect("a vector");
    assert_eq!(embedder.info().quantization, Quantization::Int8);
}

#[tokio::test]
async fn a_server_that_was_down_at_the_start_is_checked_when_it_is_back() {
    let is_up = Arc::new(AtomicBool::new(false));
    let up = Arc::clone(&is_up);
    let server = Server::start(move |asked, _| match asked.line.as_str() {
        _ if !up.load(Ordering::Relaxed) => error(503, "not yet"),
        "GET /info" => ok(json!({
            "model_id": "org/other", "model_type": {"embedding": {"pooling": "cls"}}, "max_input_length": 300,
            "max_batch_tokens": 16384, "max_client_batch_size": 32
        })),
        other => error(404, other),
    })
    .await;
    let settings = EmbeddingConfig {
        model: "org/model".into(),
        api_url: Some(server.url.clone()),
        dimensions: Some(2),
        ..EmbeddingConfig::default()
    };
    let embedder = open(Provider::Tei, &settings).await.expect("it starts without the server");
    let cancel = CancellationToken::new();
    let told = embedder.embed(owned(&["there"]), Purpose::Query, &cancel).await.expect_err("it is down");
    assert!(told.is_temporary(), "{told}");
    is_up.store(true, Ordering::Relaxed);
    let told = embedder.embed(owned(&["there"]), Purpose::Query, &cancel).await.expect_err("another model");
    assert!(matches!(&told, InferenceError::UnknownModel { why, .. } if why.contains("org/other")), "{told}");
    assert!(server.asked().iter().all(|asked| asked.line != "POST /embed"), "no text went to it");
}

#[tokio::test]
async fn another_model_behind_the_same_address_is_refused() {
    let is_exact = Arc::new(AtomicBool::new(false));
    let server = ours(Arc::clone(&is_exact)).await;
    let embedder = RemoteEmbedder::connect(e5(&server)).await.expect("the server answers");
    is_exact.store(true, Ordering::Relaxed);
    let told = embed(&embedder, "there", Purpose::Passage).await.expect_err("other vectors");
    assert_eq!(told.code(), ErrorCode::ModelMismatch);
    assert!(told.to_string().contains("it now runs intfloat/e5-small-v2 (float32, mean"), "{told}");
    is_exact.store(false, Ordering::Relaxed);
    embed(&embedder, "there", Purpose::Passage).await.expect("set back");
}

#[tokio::test]
async fn other_servers_get_texts_with_the_prefixes_of_the_model() {
    let server = Server::start(|asked, _| openai(asked)).await;
    let embedder = RemoteEmbedder::connect(e5(&server)).await.expect("the server answers");
    let vectors = embed(&embedder, "there", Purpose::Passage).await.expect("a vector");
    assert_near(&vectors, &[unit("passage: there")]);
    let vectors = embed(&embedder, "where", Purpose::Query).await.expect("a vector");
    assert_near(&vectors, &[unit("query: where")]);
    assert!(server.asked().iter().all(|asked| asked.body.get("input_type").is_none()));

    let plain = RemoteOptions { prefixes: Prefixes::default(), ..e5(&server) };
    let plain = RemoteEmbedder::connect(plain).await.expect("the server answers");
    let kept = embedder.info().fingerprint();
    assert!(!kept.fits(&plain.info().fingerprint()), "passages without a prefix are others");
}

#[test]
fn an_owner_says_what_is_written_before_a_text() {
    let settings = EmbeddingConfig {
        model: "intfloat/e5-small-v2".into(),
        passage_prefix: Some(String::new()),
        ..EmbeddingConfig::default()
    };
    let options = RemoteOptions::of(Provider::Tei, &settings);
    assert_eq!((options.prefixes.query.as_str(), options.prefixes.passage.as_str()), ("query: ", ""));
}
