//! Embedding, reranking, warming up.

use std::sync::Arc;

use semantik_core::ErrorCode;
use tokio::sync::Notify;

use super::doubles::{Doubles, open};
use crate::vecpipe::{EmbedRequest, RerankRequest, TEXTS, TooLong};

fn texts(count: usize) -> EmbedRequest {
    EmbedRequest::new(vec!["tide tables".to_owned(); count])
}

#[tokio::test]
async fn a_caller_that_goes_away_frees_its_work() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let models = Doubles::default();
    let (began, cancelled) = (Arc::clone(&models.began), Arc::clone(&models.cancelled));
    let vecpipe = open(folder.path(), models).await;
    let request = EmbedRequest { model: Some("stuck".into()), ..texts(1) };
    let call = tokio::spawn({
        let vecpipe = vecpipe.clone();
        async move { vecpipe.embed(request).await.map(drop) }
    });
    began.notified().await;
    assert_eq!(vecpipe.status().in_flight, 1);
    call.abort();
    cancelled.notified().await;
    assert!(call.await.expect_err("was aborted").is_cancelled());
    assert_eq!(vecpipe.status().in_flight, 0);
}

#[tokio::test]
async fn requests_are_bounded() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let vecpipe = open(folder.path(), Doubles::default()).await;
    assert_eq!(vecpipe.embed(texts(TEXTS)).await.expect("as many as allowed").vectors.len(), TEXTS);
    for (request, code) in [
        (texts(0), ErrorCode::InvalidRequest),
        (texts(TEXTS + 1), ErrorCode::RequestTooLarge),
        (EmbedRequest { model: Some("none".into()), ..texts(1) }, ErrorCode::NotFound),
        (EmbedRequest { dimensions: Some(0), ..texts(1) }, ErrorCode::InvalidRequest),
        (EmbedRequest { dimensions: Some(385), ..texts(1) }, ErrorCode::InvalidRequest),
    ] {
        let error = vecpipe.embed(request).await.expect_err("refused");
        assert_eq!(error.code(), code, "{error}");
        assert!(code == ErrorCode::InvalidRequest || error.hint().is_some(), "{error}");
    }
    assert_eq!(vecpipe.status().in_flight, 0);
}

#[tokio::test]
async fn tokens_are_counted_up_to_what_the_model_reads() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let vecpipe = open(folder.path(), Doubles::default()).await;
    let of = |texts: Vec<String>, too_long| EmbedRequest { count: true, too_long, ..EmbedRequest::new(texts) };
    let two = vec!["two words".to_owned(), String::new()];
    assert_eq!(vecpipe.embed(of(two, TooLong::Refuse)).await.expect("short").tokens, Some(2));
    // One word of many megabytes is one token of this counter; many words are more than the model reads.
    let word = vec!["x".repeat(10 << 20)];
    assert_eq!(vecpipe.embed(of(word, TooLong::Refuse)).await.expect("one word").tokens, Some(1));
    let words = vec!["x ".repeat(1 << 20)];
    assert_eq!(vecpipe.embed(of(words.clone(), TooLong::Cut)).await.expect("is cut").tokens, Some(256));
    let error = vecpipe.embed(of(words, TooLong::Refuse)).await.expect_err("too long");
    assert_eq!(error.code(), ErrorCode::RequestTooLarge);
}

#[tokio::test]
async fn shorter_vectors_have_unit_length_again() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let vecpipe = open(folder.path(), Doubles::default()).await;
    let request = EmbedRequest { dimensions: Some(48), ..EmbedRequest::new(vec!["a b c d e f g h i j".into()]) };
    let vector = vecpipe.embed(request).await.expect("vectors").vectors.remove(0);
    assert_eq!(vector.len(), 48);
    assert!((vector.iter().map(|x| x * x).sum::<f32>() - 1.0).abs() < 1e-5);
}

#[tokio::test]
async fn reranking_without_a_model_says_what_to_set() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let vecpipe = open(folder.path(), Doubles::default()).await;
    let request =
        RerankRequest { query: "tide".into(), passages: vec!["tide tables".into(), "bread".into()], model: None };
    let error = vecpipe.rerank(request.clone()).await.expect_err("no model");
    assert!(error.hint().expect("a hint").contains("RERANK_MODEL"));
    let named = RerankRequest { model: Some("mock".into()), ..request };
    let scores = vecpipe.rerank(named).await.expect("scores").scores;
    assert!(scores[0] > scores[1]);
}

#[tokio::test]
async fn readiness_follows_the_default_model_and_answers_meanwhile() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let gate = Arc::new(Notify::new());
    let vecpipe = open(folder.path(), Doubles { gate: Some(Arc::clone(&gate)), ..Doubles::default() }).await;
    let warming = tokio::spawn({
        let vecpipe = vecpipe.clone();
        async move { vecpipe.warm_up().await }
    });
    assert!(!vecpipe.readiness().ready);
    assert_eq!(vecpipe.embed(texts(1)).await.expect("answers before").vectors.len(), 1);
    gate.notify_one();
    warming.await.expect("ends");
    assert!(vecpipe.readiness().ready);
}

#[tokio::test]
async fn loading_the_default_model_by_hand_makes_ready() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let vecpipe = open(folder.path(), Doubles::default()).await;
    vecpipe.load_model(Some("other"), None).await.expect("is there");
    assert!(!vecpipe.readiness().ready, "another model");
    vecpipe.load_model(None, None).await.expect("is there");
    assert!(vecpipe.readiness().ready);
}

#[tokio::test]
async fn a_default_model_that_cannot_be_loaded_is_told_by_readiness() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let vecpipe = open(folder.path(), Doubles { broken: true, ..Doubles::default() }).await;
    vecpipe.warm_up().await;
    let readiness = vecpipe.readiness();
    assert_eq!((readiness.ready, readiness.status), (false, "failed"));
    assert!(readiness.error.expect("a reason").contains("damaged"));
}
