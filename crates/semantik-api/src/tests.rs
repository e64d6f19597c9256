//! The router as a whole, on a real application with mock embeddings.

use std::collections::BTreeMap;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{Method, Request, StatusCode, header};
use axum::middleware::from_fn;
use axum::response::Response;
use futures::StreamExt;
use semantik_app::App;
use semantik_config::Config;
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt;
use tower_http::catch_panic::CatchPanicLayer;

use crate::{ApiOptions, openapi, router};

/// A router on a data folder of its own.
struct TestApp {
    router: Router,
    _folder: TempDir,
}

impl TestApp {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut config = Config { data_dir: folder.path().to_owned(), ..Config::default() };
        config.embedding.mock = true;
        let app = App::open(&config).await.expect("a fresh data folder opens");
        let bind = "127.0.0.1:8080".parse().expect("an address");
        Self { router: router(app, ApiOptions { bind }), _folder: folder }
    }

    async fn send(&self, request: Request<Body>) -> Response {
        self.router.clone().oneshot(request).await.expect("the router always answers")
    }

    async fn call(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        let request = Request::builder().method(method).uri(path).header(header::HOST, "localhost:8080");
        let request = match body {
            Some(body) => request.header(header::CONTENT_TYPE, "application/json").body(Body::from(body.to_string())),
            None => request.body(Body::empty()),
        };
        Answer::of(self.send(request.expect("a request")).await).await
    }
}

/// A response read to its end.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    headers: header::HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) async fn of(response: Response) -> Self {
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.expect("a body");
        Self { status: parts.status, headers: parts.headers, body: String::from_utf8_lossy(&bytes).into_owned() }
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    pub(crate) fn assert_problem(&self, status: u16, code: &str) {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        assert_eq!(self.header("content-type"), "application/problem+json");
        let problem = self.json();
        assert_eq!(problem["code"], code);
        assert_eq!(problem["status"], status);
        assert_eq!(problem["type"], format!("/docs/errors/{code}"));
        assert_eq!(problem["request_id"], self.header("x-request-id"));
    }
}

fn get(path: &str) -> axum::http::request::Builder {
    Request::builder().uri(path).header(header::HOST, "localhost:8080")
}

#[tokio::test]
async fn every_operation_answers_garbage_with_a_problem() {
    let app = TestApp::new().await;
    let document = serde_json::to_value(openapi()).expect("the document is JSON");
    let mut seen = 0;
    for (path, item) in document["paths"].as_object().expect("paths") {
        for method in item.as_object().expect("operations").keys() {
            for id in ["garbage", "0190a5a0-0000-7000-8000-000000000000", "%00", "..%2f..%2fetc"] {
                for body in [None, Some(json!({ "garbage": true })), Some(json!([1])), Some(json!("x"))] {
                    let path = path.replace("{key}", id).replace("{id}", id);
                    let answer = app.call(&method.to_uppercase(), &path, body.clone()).await;
                    let label = format!("{method} {path} {body:?} -> {} {}", answer.status, answer.body);
                    assert_ne!(answer.status, StatusCode::INTERNAL_SERVER_ERROR, "{label}");
                    assert!(!answer.header("x-request-id").is_empty(), "{label}");
                    let failed = answer.status.is_client_error() || answer.status.is_server_error();
                    assert!(!failed || answer.header("content-type") == "application/problem+json", "{label}");
                    assert!(answer.status != StatusCode::METHOD_NOT_ALLOWED, "{label}");
                }
            }
            seen += 1;
        }
    }
    assert!(seen >= 35, "only {seen} operations are documented");
}

#[tokio::test]
async fn every_reference_of_the_document_leads_somewhere() {
    let document = serde_json::to_value(openapi()).expect("the document is JSON");
    let mut open = vec![&document];
    let mut ids = BTreeMap::new();
    while let Some(value) = open.pop() {
        if let Some(target) = value["$ref"].as_str() {
            let pointer = target.trim_start_matches('#');
            assert!(document.pointer(pointer).is_some(), "{target} is missing");
        }
        if let Some(id) = value["operationId"].as_str() {
            assert!(ids.insert(id, ()).is_none(), "two operations are called {id}");
        }
        open.extend(value.as_object().into_iter().flat_map(|map| map.values()));
        open.extend(value.as_array().into_iter().flatten());
    }
}

#[tokio::test]
async fn foreign_hosts_and_foreign_origins_are_refused() {
    let app = TestApp::new().await;
    let foreign = Request::builder().uri("/api/v2/collections").header(header::HOST, "evil.example");
    Answer::of(app.send(foreign.body(Body::empty()).expect("a request")).await).await.assert_problem(403, "forbidden");
    let origin = get("/api/v2/search").method(Method::POST).header(header::ORIGIN, "http://evil.example");
    Answer::of(app.send(origin.body(Body::empty()).expect("a request")).await).await.assert_problem(403, "forbidden");
    let own = get("/api/v2/collections").header(header::ORIGIN, "http://localhost:8080");
    assert_eq!(app.send(own.body(Body::empty()).expect("a request")).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_sane_request_id_is_kept_and_an_odd_one_replaced() {
    let app = TestApp::new().await;
    for (given, kept) in [("trace-42", true), ("two words", false), (&*"x".repeat(200), false)] {
        let request = get("/healthz").header("x-request-id", given).body(Body::empty()).expect("a request");
        let answer = Answer::of(app.send(request).await).await;
        assert_eq!(answer.header("x-request-id") == given, kept, "{given}");
        assert!(!answer.header("x-request-id").is_empty());
    }
}

#[tokio::test]
async fn what_is_not_there_is_a_problem() {
    let app = TestApp::new().await;
    app.call("GET", "/nowhere", None).await.assert_problem(404, "not_found");
    app.call("GET", "/static/none.js", None).await.assert_problem(404, "not_found");
    app.call("PUT", "/api/v2/collections", None).await.assert_problem(405, "invalid_request");
    app.call("GET", "/api/v2/collections/none", None).await.assert_problem(404, "not_found");
}

#[tokio::test]
async fn lists_are_bounded() {
    let app = TestApp::new().await;
    for limit in ["0", "1001", "-1", "many"] {
        app.call("GET", &format!("/api/v2/operations?limit={limit}"), None)
            .await
            .assert_problem(400, "invalid_request");
    }
    assert_eq!(app.call("GET", "/api/v2/operations?limit=1000", None).await.status, StatusCode::OK);
}

#[tokio::test]
async fn bodies_that_are_too_large_are_refused() {
    let app = TestApp::new().await;
    let query = json!({ "query": "x".repeat(2 * 1024 * 1024) });
    app.call("POST", "/api/v2/search", Some(query)).await.assert_problem(413, "request_too_large");
    let announced = get("/api/v2/collections/any/documents")
        .method(Method::POST)
        .header(header::CONTENT_LENGTH, "20000000000")
        .header(header::CONTENT_TYPE, "multipart/form-data; boundary=b");
    let answer = Answer::of(app.send(announced.body(Body::empty()).expect("a request")).await).await;
    answer.assert_problem(413, "file_too_large");
}

#[tokio::test]
async fn the_page_and_its_files_are_served_with_safe_headers() {
    let app = TestApp::new().await;
    let page = app.call("GET", "/", None).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.header("content-security-policy").contains("frame-ancestors 'none'"));
    assert_eq!(page.header("x-content-type-options"), "nosniff");
    assert!(!page.body.contains("://"), "the page names a foreign resource");
    for name in page.body.split('"').filter(|text| text.starts_with("/static/")) {
        assert_eq!(app.call("GET", name, None).await.status, StatusCode::OK, "{name}");
    }
}

#[tokio::test]
async fn metrics_name_routes_and_rows() {
    let app = TestApp::new().await;
    app.call("GET", "/api/v2/collections/none", None).await;
    let answer = app.call("GET", "/metrics", None).await;
    assert_eq!(answer.status, StatusCode::OK);
    for line in
        ["http_requests_total{path=\"/api/v2/collections/{key}\"", "semantik_documents{", "semantik_queue_jobs{"]
    {
        assert!(answer.body.contains(line), "{line} is missing in {}", answer.body);
    }
}

#[tokio::test]
async fn a_collection_is_made_uploaded_to_and_watched() {
    let app = TestApp::new().await;
    let made = app.call("POST", "/api/v2/collections", Some(json!({ "name": "notes" }))).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
    assert_eq!(made.json()["name"], "notes");
    let form = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.md\"\r\n\r\n# Hello\r\n--b\r\nContent-Disposition: form-data; name=\"tags\"\r\n\r\none, two\r\n--b--\r\n";
    let upload = get("/api/v2/collections/notes/documents")
        .method(Method::POST)
        .header(header::CONTENT_TYPE, "multipart/form-data; boundary=b");
    let upload = Answer::of(app.send(upload.body(Body::from(form)).expect("a request")).await).await;
    assert_eq!(upload.status, StatusCode::ACCEPTED, "{}", upload.body);
    let operation = upload.json()["id"].as_str().expect("an id").to_owned();
    let list = app.call("GET", "/api/v2/collections/notes/documents", None).await.json();
    assert_eq!(list["items"][0]["name"], "a.md");
    assert_eq!(list["items"][0]["tags"], json!(["one", "two"]));
    let cancelled = app.call("DELETE", &format!("/api/v2/operations/{operation}"), None).await;
    assert_eq!(cancelled.status, StatusCode::ACCEPTED, "{}", cancelled.body);
    let watch = get(&format!("/api/v2/operations/{operation}/events")).body(Body::empty()).expect("a request");
    let events = app.send(watch).await;
    assert_eq!(events.headers()[header::CONTENT_TYPE], "text/event-stream");
    let first = events.into_body().into_data_stream().next().await.expect("an event").expect("bytes");
    assert!(first.starts_with(b"event: operation\n"), "{first:?}");
}

#[tokio::test]
async fn a_file_that_is_too_large_is_refused_while_it_arrives() {
    let app = TestApp::new().await;
    app.call("POST", "/api/v2/collections", Some(json!({ "name": "big" }))).await;
    let head = Bytes::from_static(b"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\r\n");
    let megabyte = Bytes::from(vec![b'a'; 1024 * 1024]);
    // More than would ever end: the answer comes although the body does not.
    let parts = futures::stream::iter([head]).chain(futures::stream::repeat(megabyte)).map(Ok::<_, std::io::Error>);
    let upload = get("/api/v2/collections/big/documents")
        .method(Method::POST)
        .header(header::CONTENT_TYPE, "multipart/form-data; boundary=b");
    let request = upload.body(Body::from_stream(parts)).expect("a request");
    Answer::of(app.send(request).await).await.assert_problem(413, "file_too_large");
}

#[tokio::test]
async fn a_panic_becomes_a_problem() {
    async fn broken() -> StatusCode {
        panic!("a defect")
    }
    let router = Router::<()>::new()
        .route("/", axum::routing::get(broken))
        .layer(CatchPanicLayer::custom(crate::error::panicked))
        .layer(from_fn(crate::observe::observe));
    let response = router.oneshot(get("/").body(Body::empty()).expect("a request")).await.expect("an answer");
    let answer = Answer::of(response).await;
    answer.assert_problem(500, "internal");
    assert!(!answer.body.contains("defect"), "internals stay inside");
}
