//! The shapes of our own, of OpenAI, of text-embeddings-inference, of Cohere and Jina.

use axum::http::StatusCode;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use semantik_app::vecpipe::TEXTS;
use serde_json::{Value, json};

use super::service::{Service, vector};

#[tokio::test]
async fn our_own_shape_of_embed() {
    let service = Service::new().await;
    let body = json!({ "texts": ["tide tables", ""], "purpose": "query", "dimensions": 16, "quantization": "int8" });
    let answer = service.post("/embed", body).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let view = answer.json();
    assert_eq!((&view["model"], &view["dimensions"]), (&json!("mock"), &json!(16)));
    assert_eq!(vector(&view["embeddings"][1]).len(), 16);
    for body in [
        json!({ "texts": ["x"], "purpos": "query" }),
        json!({ "texts": ["x"], "purpose": "both" }),
        json!({ "texts": [] }),
        json!({ "texts": [[1, 2]] }),
        json!({}),
        json!([]),
        json!("x"),
    ] {
        service.post("/embed", body).await.assert_problem(400, "invalid_request");
    }
    let long = json!({ "texts": vec!["x"; TEXTS + 1] });
    service.post("/embed", long).await.assert_problem(413, "request_too_large");
}

#[tokio::test]
async fn every_dialect_says_what_made_the_vectors() {
    let service = Service::new().await;
    let hash = service.vecpipe.default_model().await.expect("a model").hash;
    for (path, body) in [
        ("/embed", json!({ "texts": ["x"] })),
        ("/embed", json!({ "inputs": "x", "prompt_name": "query" })),
        ("/v1/embeddings", json!({ "input": "x", "input_type": "query" })),
    ] {
        let answer = service.post(path, body).await;
        assert_eq!(answer.header("semantik-model"), format!("{hash} float32"), "{path}: {}", answer.body);
    }
    let odd = service.post("/v1/embeddings", json!({ "input": "x", "input_type": "both" })).await;
    assert_eq!(odd.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn openai_embeddings_as_floats_and_as_base64() {
    let service = Service::new().await;
    let body =
        |format| json!({ "input": ["tide tables", "bread"], "model": "mock", "encoding_format": format, "user": "u" });
    let floats = service.post("/v1/embeddings", body("float")).await.json();
    assert_eq!(floats["object"], "list");
    assert_eq!(floats["data"][1]["index"], 1);
    assert_eq!(floats["usage"], json!({ "prompt_tokens": 3, "total_tokens": 3 }));
    let packed = service.post("/v1/embeddings", body("base64")).await.json();
    let bytes = STANDARD.decode(packed["data"][0]["embedding"].as_str().expect("a text")).expect("base64");
    let numbers: Vec<f32> = bytes.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().expect("four"))).collect();
    assert_eq!(numbers, vector(&floats["data"][0]["embedding"]));
    for model in [json!(null), json!(""), json!("default")] {
        let answer = service.post("/v1/embeddings", json!({ "input": "x", "model": model })).await;
        assert_eq!(answer.json()["model"], "mock", "{}", answer.body);
    }
    assert_eq!(service.get("/v1/models").await.json()["data"][0]["id"], "mock");
}

#[tokio::test]
async fn openai_errors_have_their_shape_whatever_makes_them() {
    let service = Service::new().await;
    let invalid_utf8 = [b"{\"input\":\"".as_slice(), &[0xff, 0xfe], b"\"}"].concat();
    for (path, body, status, code) in [
        ("/v1/embeddings", b"{".to_vec(), 400, "invalid_request"),
        ("/v1/embeddings", invalid_utf8, 400, "invalid_request"),
        ("/v1/embeddings", json!({ "input": [] }).to_string().into_bytes(), 400, "invalid_request"),
        ("/v1/embeddings", json!({ "input": [[1, 2]] }).to_string().into_bytes(), 400, "invalid_request"),
        ("/v1/embeddings", json!({ "input": vec!["x"; 100_000] }).to_string().into_bytes(), 413, "request_too_large"),
        ("/v1/embeddings", vec![b' '; 33 << 20], 413, "request_too_large"),
        ("/v1/rerank", b"{}".to_vec(), 400, "invalid_request"),
        ("/v1/nothing", b"{}".to_vec(), 404, "not_found"),
    ] {
        let answer = service.post_bytes(path, body).await;
        assert_eq!(answer.status.as_u16(), status, "{path}: {}", answer.body);
        let error = &answer.json()["error"];
        assert_eq!(
            (&error["code"], &error["type"]),
            (&json!(code), &json!("invalid_request_error")),
            "{}",
            answer.body
        );
        assert!(error["message"].is_string() && error.get("param").is_some());
    }
    assert_eq!(service.get("/v1/embeddings").await.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn embed_of_text_embeddings_inference() {
    let service = Service::new().await;
    let one = service.post("/embed", json!({ "inputs": "tide tables" })).await.json();
    let many = service.post("/", json!({ "inputs": ["tide tables", "bread"], "prompt_name": "query" })).await.json();
    assert_eq!((one.as_array().map(Vec::len), many.as_array().map(Vec::len)), (Some(1), Some(2)));
    assert_eq!(one[0], many[0]);
    let long = "tide ".repeat(300);
    for (body, status, kind) in [
        (json!({ "inputs": [] }), 400, "Empty"),
        (json!({ "inputs": long }), 413, "Validation"),
        (json!({ "inputs": vec!["x"; 100_000] }), 413, "Validation"),
        (json!({ "inputs": [1, 2] }), 422, "Validation"),
        (json!({ "inputs": "x", "prompt_name": "poem" }), 422, "Validation"),
        (json!({ "inputs": "x", "normalize": false }), 422, "Validation"),
        (json!({ "inputs": long, "truncate": true, "truncation_direction": "Left" }), 422, "Validation"),
    ] {
        let answer = service.post("/embed", body).await;
        assert_eq!((answer.status.as_u16(), &answer.json()["error_type"]), (status, &json!(kind)), "{}", answer.body);
    }
    let cut = service.post("/embed", json!({ "inputs": long, "truncate": true, "more": 1 })).await;
    assert_eq!(cut.status, StatusCode::OK, "{}", cut.body);
    assert_eq!(service.get("/info").await.json()["max_client_batch_size"], TEXTS);
}

#[tokio::test]
async fn rerank_in_each_shape() {
    let service = Service::new().await;
    let texts = ["sourdough bread", "the tide tables of the harbour", ""];
    let order = |rows: &Value| -> Vec<u64> {
        rows.as_array().expect("rows").iter().map(|row| row["index"].as_u64().expect("a place")).collect()
    };
    let own = json!({ "query": "tide tables", "documents": texts, "top_k": 2 });
    let view = service.post("/rerank", own).await.json();
    assert_eq!(order(&view["results"])[0], 1);
    assert_eq!(order(&view["results"]).len(), 2);
    let cohere = json!({ "model": "mock", "query": "tide tables", "top_n": 1, "return_documents": true,
        "documents": [texts[0], { "text": texts[1] }] });
    let view = service.post("/v1/rerank", cohere).await.json();
    assert_eq!(view["results"][0]["document"]["text"], texts[1]);
    assert!(view["results"][0]["relevance_score"].as_f64().expect("a score") > 0.1);
    let tei = json!({ "query": "tide tables", "texts": texts, "return_text": true, "raw_scores": true });
    let view = service.post("/rerank", tei).await.json();
    assert_eq!(view[0]["text"], texts[1]);
    assert_eq!(order(&view).len(), 3);
    let empty = service.post("/rerank", json!({ "query": "x", "texts": [] })).await;
    assert_eq!((empty.status.as_u16(), &empty.json()["error_type"]), (400, &json!("Empty")));
    service.post("/rerank", json!({ "query": "x", "documents": [] })).await.assert_problem(400, "invalid_request");
    service.post("/rerank", json!({ "query": "x" })).await.assert_problem(400, "invalid_request");
}
