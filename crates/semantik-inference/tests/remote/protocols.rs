//! Each protocol, word for word.

use semantik_core::Provider;
use semantik_inference::remote::{RemoteEmbedder, RemoteOptions, RemoteReranker, Scores, Truncation};
use semantik_inference::{Embedder, InferenceError, Purpose, Reranker};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::server::{Asked, KEY, Reply, Server, assert_near, error, ok, openai, owned, texts, unit, vector};

const TEXTS: [&str; 3] = ["one", "number two", ""];

/// Embeds [`TEXTS`] and answers what the server was asked for it.
async fn embed(server: &Server, options: RemoteOptions, purpose: Purpose) -> Asked {
    let embedder = RemoteEmbedder::connect(options).await.expect("the server answers");
    assert_eq!(embedder.info().dimensions, 2);
    let made = embedder.embed(owned(&TEXTS), purpose, &CancellationToken::new()).await.expect("the server answers");
    assert_near(&made, &[unit("one"), unit("number two"), unit(".")]);
    let asked = server.asked().pop().expect("it was asked");
    assert_eq!(asked.headers["authorization"], format!("Bearer {KEY}"));
    assert_eq!(asked.headers["content-type"], "application/json");
    asked
}

#[tokio::test]
async fn openai_is_spoken() {
    let server = Server::start(|asked, _| openai(asked)).await;
    let asked = embed(&server, server.options(Provider::OpenAi), Purpose::Passage).await;
    assert_eq!(asked.line, "POST /v1/embeddings");
    assert_eq!(
        asked.body,
        json!({"model": "org/model", "input": ["one", "number two", "."], "encoding_format": "base64"})
    );
}

#[tokio::test]
async fn base64_vectors_are_read_and_put_in_order() {
    let server = Server::start(|_, _| {
        // [3, -4] and [0, 2] as little-endian float32.
        ok(json!({"data": [{"index": 1, "embedding": "AAAAAAAAAEA="}, {"index": 0, "embedding": "AABAQAAAgMA="}]}))
    })
    .await;
    let embedder = RemoteEmbedder::new_unchecked(server.options(Provider::OpenAi), 2).expect("good options");
    let made = embedder.embed(owned(&["a", "b"]), Purpose::Query, &CancellationToken::new()).await;
    assert_near(&made.expect("two vectors"), &[vec![0.6, -0.8], vec![0.0, 1.0]]);
}

#[tokio::test]
async fn a_server_without_optional_fields_is_asked_without_them() {
    let server = Server::start(|asked, _| {
        if asked.body.get("encoding_format").is_some() {
            return Reply::Json(
                422,
                Vec::new(),
                json!({"detail": [{"loc": ["body", "encoding_format"], "msg": "unexpected"}]}),
            );
        }
        if asked.body.get("dimensions").is_some() {
            return error(400, "Model does not support matryoshka representation");
        }
        openai(asked)
    })
    .await;
    let options = RemoteOptions { dimensions: Some(2), ..server.options(Provider::OpenAi) };
    let asked = embed(&server, options, Purpose::Passage).await;
    assert_eq!(asked.body, json!({"model": "org/model", "input": ["one", "number two", "."]}));
    assert_eq!(server.asked().len(), 4, "the lesson is learnt once");
}

#[tokio::test]
async fn cohere_is_spoken() {
    let server = Server::start(|asked, _| {
        let vectors: Vec<Value> = texts(asked, "texts").into_iter().map(vector).collect();
        ok(json!({"id": "1", "embeddings": {"float": vectors}, "texts": ["a"], "meta": {"api_version": {"version": "2"}}}))
    })
    .await;
    let options = RemoteOptions { dimensions: Some(2), ..server.options(Provider::Cohere) };
    let asked = embed(&server, options, Purpose::Passage).await;
    assert_eq!(asked.line, "POST /v2/embed");
    let expected = json!({
        "model": "org/model", "texts": ["one", "number two", "."], "input_type": "search_document",
        "embedding_types": ["float"], "truncate": "END", "output_dimension": 2
    });
    assert_eq!(asked.body, expected);
    let asked = embed(&server, server.options(Provider::Cohere), Purpose::Query).await;
    assert_eq!(asked.body["input_type"], "search_query");
}

#[tokio::test]
async fn ollama_is_spoken() {
    let server = Server::start(|asked, _| {
        let vectors: Vec<Value> = texts(asked, "input").into_iter().map(vector).collect();
        ok(json!({"model": "org/model", "embeddings": vectors, "total_duration": 1, "prompt_eval_count": 3}))
    })
    .await;
    let asked = embed(&server, server.options(Provider::Ollama), Purpose::Passage).await;
    assert_eq!(asked.line, "POST /api/embed");
    assert_eq!(asked.body, json!({"model": "org/model", "input": ["one", "number two", "."], "truncate": true}));
}

/// A text-embeddings-inference server with a model of a kind.
async fn tei(kind: &'static str) -> Server {
    Server::start(move |asked, _| match asked.line.as_str() {
        "GET /info" => ok(json!({
            "model_id": "org/model", "model_sha": null, "model_dtype": "float16",
            "model_type": {kind: {"pooling": "cls"}}, "max_concurrent_requests": 512, "max_input_length": 300,
            "max_batch_tokens": 16384, "max_batch_requests": null, "max_client_batch_size": 2,
            "tokenization_workers": 4, "version": "1.7.0", "sha": null, "docker_label": null
        })),
        "POST /embed" => ok(texts(asked, "inputs").into_iter().map(vector).collect()),
        "POST /rerank" => ok(json!([{"index": 1, "score": 0.75}, {"index": 0, "score": 0.25}])),
        other => error(404, other),
    })
    .await
}

#[tokio::test]
async fn text_embeddings_inference_is_spoken_and_says_its_limits() {
    let server = tei("embedding").await;
    let options = RemoteOptions { truncation: Truncation::Start, ..server.options(Provider::Tei) };
    let embedder = RemoteEmbedder::connect(options).await.expect("the server answers");
    assert_eq!((embedder.info().dimensions, embedder.info().max_tokens), (2, 300));
    let made = embedder.embed(owned(&TEXTS), Purpose::Passage, &CancellationToken::new()).await;
    assert_near(&made.expect("vectors"), &[unit("one"), unit("number two"), unit(".")]);
    let mut asked = server.asked().split_off(2);
    asked.sort_by_key(|asked| texts(asked, "inputs").len());
    assert_eq!(asked.len(), 2, "two texts a request, as the server says");
    let expected = json!({
        "inputs": ["one", "number two"], "normalize": true, "truncate": true, "truncation_direction": "Left"
    });
    assert_eq!(asked[1].body, expected);
}

#[tokio::test]
async fn another_model_than_wanted_is_told() {
    let server = tei("embedding").await;
    let options = RemoteOptions { model: "org/other".into(), ..server.options(Provider::Tei) };
    let error = RemoteEmbedder::connect(options).await.err().expect("the wrong model");
    assert!(matches!(error, InferenceError::UnknownModel { .. }), "{error}");
    assert!(error.to_string().contains("org/model"), "{error}");
    assert!(RemoteReranker::connect(server.options(Provider::Tei)).await.is_err(), "no reranker");
}

async fn rerank(options: RemoteOptions) -> Result<Vec<f32>, InferenceError> {
    let reranker = RemoteReranker::new_unchecked(options)?;
    reranker.rerank("which?".into(), owned(&["this", "that"]), &CancellationToken::new()).await
}

#[tokio::test]
async fn rerankers_are_spoken_to() {
    let served = |score: f32| {
        move |_: &Asked, _: usize| {
            let document = json!({"text": "that"});
            ok(json!({"results": [
                {"index": 1, "relevance_score": score, "document": document},
                {"index": 0, "relevance_score": 0.25}
            ]}))
        }
    };
    let asked = json!({"model": "org/model", "query": "which?", "documents": ["this", "that"], "top_n": 2});
    for (provider, line) in [(Provider::OpenAi, "POST /v1/rerank"), (Provider::Cohere, "POST /v2/rerank")] {
        let server = Server::start(served(0.75)).await;
        assert_eq!(rerank(server.options(provider)).await.expect("scores"), [0.25, 0.75]);
        assert_eq!((server.asked()[0].line.as_str(), &server.asked()[0].body), (line, &asked));
    }
    let server = tei("reranker").await;
    assert_eq!(rerank(server.options(Provider::Tei)).await.expect("scores"), [0.25, 0.75]);
    let expected = json!({
        "query": "which?", "texts": ["this", "that"], "raw_scores": false, "return_text": false, "truncate": true
    });
    assert_eq!(server.asked()[0].body, expected);
    assert!(matches!(rerank(server.options(Provider::Ollama)).await, Err(InferenceError::Settings(_))));

    let server = Server::start(served(-3.5)).await;
    assert!(matches!(rerank(server.options(Provider::OpenAi)).await, Err(InferenceError::BadAnswer { .. })));
    let options = RemoteOptions { scores: Scores::Logit, ..server.options(Provider::OpenAi) };
    let scores = rerank(options).await.expect("scores");
    assert!((scores[1] - 0.0293).abs() < 1e-3, "{scores:?}");
}
