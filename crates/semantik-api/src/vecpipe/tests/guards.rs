//! Keys, hosts, limits, readiness, metrics.

use axum::body::Body;
use axum::http::{StatusCode, header};
use serde_json::json;
use tower::ServiceExt;

use super::service::{Service, request};
use crate::{VecpipeOptions, metrics_router};

const KEY: &str = "0123456789abcdef";

const ROUTES: [(&str, &str); 21] = [
    ("GET", "/metrics"),
    ("GET", "/models"),
    ("POST", "/models/load"),
    ("POST", "/models/unload"),
    ("GET", "/model/status"),
    ("GET", "/embedding/info"),
    ("GET", "/info"),
    ("POST", "/"),
    ("POST", "/embed"),
    ("POST", "/rerank"),
    ("GET", "/v1/models"),
    ("POST", "/v1/embeddings"),
    ("POST", "/v1/rerank"),
    ("POST", "/search"),
    ("POST", "/search/batch"),
    ("POST", "/upsert"),
    ("POST", "/delete"),
    ("GET", "/collection/info"),
    ("POST", "/collection/info"),
    ("POST", "/collection/delete"),
    ("GET", "/nowhere"),
];

#[tokio::test]
async fn every_route_but_the_probes_asks_for_the_key() {
    let service = Service::with_key(KEY).await;
    for (method, path) in ROUTES {
        for name in ["no key", "x-api-key"] {
            let builder = request(method, path).header(name.replace(' ', "-"), "another key");
            let answer = service.send(builder.body(Body::empty()).expect("a request")).await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{method} {path}");
            assert_eq!(answer.header("www-authenticate"), "Bearer");
            let code = if path.starts_with("/v1/") { &answer.json()["error"]["code"] } else { &answer.json()["code"] };
            assert!(
                ["invalid_api_key", "unauthenticated"].contains(&code.as_str().expect("a code")),
                "{}",
                answer.body
            );
            assert!(!answer.body.contains(KEY));
        }
    }
    assert_eq!(service.get("/health").await.status, StatusCode::OK);
    assert_eq!(service.get("/readyz").await.status, StatusCode::SERVICE_UNAVAILABLE, "not warm yet");
    for (name, value) in [("x-api-key", KEY.to_owned()), ("authorization", format!("Bearer {KEY}"))] {
        let builder = request("GET", "/models").header(name, value);
        assert_eq!(service.send(builder.body(Body::empty()).expect("a request")).await.status, StatusCode::OK);
    }
}

#[test]
fn a_key_is_not_in_what_is_printed_of_the_options() {
    let options = VecpipeOptions { bind: "127.0.0.1:1".parse().expect("an address"), key: Some(KEY.to_owned().into()) };
    assert!(!format!("{options:?}").contains(KEY));
}

#[tokio::test]
async fn every_route_answers_garbage_with_an_error() {
    let service = Service::new().await;
    for (method, path) in ROUTES.into_iter().filter(|(method, _)| *method == "POST") {
        for body in ["", "{", "[1]", "\"x\"", "null", "{\"garbage\": true}", "{\"texts\": {}}", "{\"inputs\": null}"] {
            let answer = service.send(request(method, path).body(Body::from(body)).expect("a request")).await;
            assert!(answer.status.is_client_error(), "{path} {body}: {} {}", answer.status, answer.body);
            assert!(!answer.header("x-request-id").is_empty());
            let kind = answer.header("content-type");
            assert!(kind.ends_with("json"), "{path} {body}: {kind}");
        }
    }
}

#[tokio::test]
async fn readiness_waits_for_the_default_model_and_health_does_not() {
    let service = Service::new().await;
    let before = service.get("/readyz").await;
    assert_eq!(before.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(!before.header("retry-after").is_empty());
    assert_eq!(service.get("/health").await.json()["status"], "ok");
    service.vecpipe.warm_up().await;
    assert_eq!(service.get("/readyz").await.json()["ready"], true);
}

#[tokio::test]
async fn foreign_hosts_are_refused() {
    let service = Service::new().await;
    let foreign = axum::http::Request::builder().uri("/models").header(header::HOST, "evil.example");
    service.send(foreign.body(Body::empty()).expect("a request")).await.assert_problem(403, "forbidden");
}

#[tokio::test]
async fn bodies_have_a_limit_one_by_one_and_together() {
    let service = Service::new().await;
    service.post_bytes("/upsert", vec![b' '; 33 << 20]).await.assert_problem(413, "request_too_large");
    // Bodies that never end, each of which counts as the largest.
    let mut waiting = Vec::new();
    for _ in 0..8 {
        let endless = Body::from_stream(futures::stream::pending::<Result<axum::body::Bytes, std::io::Error>>());
        let mut answer = Box::pin(service.post_bytes("/embed", endless));
        assert!(futures::poll!(&mut answer).is_pending());
        waiting.push(answer);
    }
    let refused = service.post("/embed", json!({ "texts": ["x"] })).await;
    refused.assert_problem(503, "overloaded");
    assert!(!refused.header("retry-after").is_empty());
    drop(waiting);
    assert_eq!(service.post("/embed", json!({ "texts": ["x"] })).await.status, StatusCode::OK);
}

#[tokio::test]
async fn models_are_listed_loaded_and_unloaded() {
    let service = Service::new().await;
    let list = service.get("/models").await.json();
    assert_eq!((&list["default"], &list["reranker"]), (&json!("mock"), &json!("mock")));
    assert_eq!(service.get("/embedding/info").await.json()["dimensions"], 384);
    assert_eq!(service.post("/models/load", json!({})).await.json()["state"], "loaded");
    assert_eq!(service.post("/models/unload", json!({ "model": "mock" })).await.status, StatusCode::OK);
    assert_eq!(service.get("/model/status").await.json()["in_flight"], 0);
}

#[tokio::test]
async fn the_metrics_port_answers_to_metrics_alone() {
    let router = metrics_router("127.0.0.1:9091".parse().expect("an address"));
    for (path, status) in [("/metrics", StatusCode::OK), ("/models", StatusCode::NOT_FOUND)] {
        let request = request("GET", path).body(Body::empty()).expect("a request");
        assert_eq!(router.clone().oneshot(request).await.expect("an answer").status(), status, "{path}");
    }
}

#[tokio::test]
async fn metrics_name_routes_and_calls() {
    let service = Service::new().await;
    service.post("/embed", json!({ "texts": ["x", "y"] })).await;
    let body = service.get("/metrics").await.body;
    for name in ["http_requests_total{path=\"/embed\"", "semantik_inference_in_flight"] {
        assert!(body.contains(name), "{name} is missing in {body}");
    }
}
