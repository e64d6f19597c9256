//! What goes wrong on the other side, and what a caller sees of it.

use std::time::Duration;

use semantik_config::EmbeddingConfig;
use semantik_core::{ErrorCode, Provider};
use semantik_inference::remote::{Patience, RemoteEmbedder, RemoteOptions, open};
use semantik_inference::{Embedder, InferenceError, Purpose};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::server::{KEY, Reply, Server, assert_near, error, ok, openai, owned, unit};

fn embedder(options: RemoteOptions) -> RemoteEmbedder {
    RemoteEmbedder::new_unchecked(options, 2).expect("good options")
}

async fn embed(options: RemoteOptions) -> Result<Vec<Vec<f32>>, InferenceError> {
    embedder(options).embed(owned(&["one", "two"]), Purpose::Passage, &CancellationToken::new()).await
}

/// Whether an error is the right one.
type Told = fn(&InferenceError) -> bool;

/// Answers everything with the same.
async fn always(reply: impl Fn() -> Reply + Send + Sync + 'static) -> Server {
    Server::start(move |_, _| reply()).await
}

#[tokio::test]
async fn passing_troubles_are_sat_out() {
    let troubles: [fn() -> Reply; 5] = [
        || Reply::Json(429, vec![("retry-after-ms", "5")], json!({"error": "slow down"})),
        || {
            let headers = vec![("x-ratelimit-remaining-tokens", "0"), ("x-ratelimit-reset-tokens", "3ms")];
            Reply::Json(429, headers, json!({"error": {"message": "slow down", "type": "tokens"}}))
        },
        || error(500, "oops"),
        || Reply::Json(503, vec![("retry-after", "0.002")], Value::Null),
        || Reply::Broken,
    ];
    for trouble in troubles {
        let server = Server::start(move |asked, number| if number == 0 { trouble() } else { openai(asked) }).await;
        let made = embed(server.options(Provider::OpenAi)).await.expect("the second request works");
        assert_near(&made, &[unit("one"), unit("two")]);
        assert_eq!(server.asked().len(), 2);
    }
}

#[tokio::test]
async fn what_the_operator_must_change_is_told_at_once() {
    for (status, code) in [
        (401, ErrorCode::EmbedderRejected),
        (403, ErrorCode::EmbedderRejected),
        (404, ErrorCode::EmbedderRejected),
        (400, ErrorCode::InvalidRequest),
        (422, ErrorCode::InvalidRequest),
    ] {
        let server = always(move || error(status, &format!("no good: {KEY} and sk-hunt****ter2"))).await;
        let told = embed(server.options(Provider::OpenAi)).await.expect_err("a refusal");
        assert_eq!(told.code(), code, "{told}");
        let text = format!("{told} {told:?}");
        assert!(!text.contains("hunt") && text.contains(server.url.trim_start_matches("http://")), "{text}");
        assert_eq!(server.asked().len(), 1, "asked once: {status}");
    }
}

#[tokio::test]
async fn what_is_no_vector_is_never_handed_on() {
    let vectors = |vectors: Value| ok(json!({"data": vectors}));
    let one = || json!({"index": 0, "embedding": [1.0, 0.0]});
    let second = |embedding: Value| json!([one(), {"index": 1, "embedding": embedding}]);
    let bad: [(Value, Told); 6] = [
        (json!([one()]), |told| matches!(told, InferenceError::BadAnswer { .. })),
        (json!([one(), one()]), |told| matches!(told, InferenceError::BadAnswer { .. })),
        (second(json!([null, 1.0])), |told| matches!(told, InferenceError::BadAnswer { .. })),
        (second(json!("AADAfwAAgD8=")), |told| matches!(told, InferenceError::BadVector { place: 1, .. })),
        (second(json!([0.0, 0.0])), |told| matches!(told, InferenceError::BadVector { place: 1, .. })),
        (second(json!([1.0, 0.0, 0.0])), |told| {
            matches!(told, InferenceError::DimensionMismatch { found: 3, expected: 2, .. })
        }),
    ];
    for (answer, expected) in bad {
        let served = answer.clone();
        let server = always(move || vectors(served.clone())).await;
        let told = embed(server.options(Provider::OpenAi)).await.expect_err("no vector");
        assert!(expected(&told), "{told}");
        assert_eq!(server.asked().len(), 1, "{answer}");
    }
}

#[tokio::test]
async fn an_answer_without_end_is_not_read_to_the_end() {
    let server = always(|| ok(json!({"data": [], "filling": "x".repeat(2_000_000)}))).await;
    let told = embed(server.options(Provider::OpenAi)).await.expect_err("too much");
    assert!(matches!(&told, InferenceError::BadAnswer { why, .. } if why.contains("bytes")), "{told}");
}

#[tokio::test]
async fn a_server_that_is_silent_or_gone_is_unreachable() {
    let server = always(|| Reply::Silence).await;
    let options = server.options(Provider::OpenAi);
    let patience = Patience { attempts: 1, ..options.patience };
    let slow = RemoteOptions { timeout: Duration::from_millis(20), patience, ..options.clone() };
    let told = embed(slow).await.expect_err("too slow");
    assert!(matches!(&told, InferenceError::Unreachable { why, .. } if why.contains("too long")), "{told}");
    let gone = RemoteOptions { base_url: Some("http://127.0.0.1:9/secret/path".into()), patience, ..options };
    let told = embed(gone).await.expect_err("nobody there");
    assert!(matches!(told, InferenceError::Unreachable { .. }) && told.is_temporary(), "{told}");
    assert!(told.to_string().contains("127.0.0.1:9") && !told.to_string().contains("secret"), "{told}");
}

#[tokio::test]
async fn a_server_that_keeps_failing_is_left_alone() {
    let server = always(|| error(502, "bad gateway")).await;
    let options = server.options(Provider::OpenAi);
    let embedder = embedder(RemoteOptions { patience: Patience { attempts: 9, ..options.patience }, ..options });
    let cancel = CancellationToken::new();
    let told = embedder.embed(owned(&["one"]), Purpose::Passage, &cancel).await.expect_err("it fails");
    assert!(matches!(&told, InferenceError::CircuitOpen { since, until, .. } if since < until), "{told}");
    let again = embedder.embed(owned(&["one"]), Purpose::Query, &cancel).await.expect_err("it is open");
    assert!(matches!(&again, InferenceError::CircuitOpen { why, .. } if why.contains("bad gateway")), "{again}");
    assert_eq!(server.asked().len(), 5);
}

#[tokio::test]
async fn a_long_pause_is_told_to_the_caller() {
    let server = always(|| Reply::Json(429, vec![("retry-after", "600")], Value::Null)).await;
    let told = embed(server.options(Provider::OpenAi)).await.expect_err("a long pause");
    let InferenceError::RateLimited { retry_after, .. } = told else { panic!("{told}") };
    assert!((590..=600).contains(&retry_after.as_secs()), "{retry_after:?}");
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn the_key_does_not_follow_a_redirect() {
    let other = Server::start(|asked, _| openai(asked)).await;
    let target: &'static str = Box::leak(format!("{}/v1/embeddings", other.url).into_boxed_str());
    for status in [301, 307, 308] {
        let server = always(move || Reply::Json(status, vec![("location", target)], Value::Null)).await;
        let told = embed(server.options(Provider::OpenAi)).await.expect_err("a redirect");
        assert!(told.to_string().contains("points to http://127.0.0.1"), "{told}");
    }
    assert_eq!(other.asked(), []);
}

#[tokio::test]
async fn connecting_checks_the_number_of_dimensions() {
    let server = Server::start(|asked, _| openai(asked)).await;
    let options = RemoteOptions { dimensions: Some(3), ..server.options(Provider::OpenAi) };
    let told = RemoteEmbedder::connect(options).await.err().expect("it gives two");
    assert!(matches!(told, InferenceError::DimensionMismatch { found: 2, expected: 3, .. }), "{told}");
    assert_eq!(told.code(), ErrorCode::EmbedderRejected);
}

#[tokio::test]
async fn a_start_while_the_server_is_down_needs_known_dimensions() {
    let server = always(|| Reply::Json(429, vec![("retry-after", "600")], Value::Null)).await;
    let settings = |dimensions| EmbeddingConfig {
        model: "org/model".into(),
        api_url: Some(server.url.clone()),
        dimensions,
        ..EmbeddingConfig::default()
    };
    assert!(open(Provider::Ollama, &settings(None)).await.is_err());
    let embedder = open(Provider::Ollama, &settings(Some(2))).await.expect("it is taken unchecked");
    assert_eq!(embedder.info().dimensions, 2);
}

#[tokio::test]
async fn a_model_elsewhere_is_another_model() {
    let server = Server::start(|asked, _| openai(asked)).await;
    let options = server.options(Provider::OpenAi);
    let hash = |options: RemoteOptions| embedder(options).info().hash.clone();
    let own = hash(options.clone());
    let same = RemoteOptions { api_key: None, base_url: Some(format!("{}/v1/", server.url)), ..options.clone() };
    assert_eq!(own, hash(same), "another key or spelling is the same model");
    assert_eq!(own, RemoteEmbedder::connect(options.clone()).await.expect("it answers").info().hash);
    assert_ne!(own, hash(RemoteOptions { model: "org/other".into(), ..options.clone() }));
    assert_ne!(own, hash(RemoteOptions { base_url: Some(server.url.clone()), ..options.clone() }));
    assert_ne!(own, hash(RemoteOptions { provider: Provider::Tei, ..options }));
}
