//! The search page: static files inside the binary, no build step, no foreign resources.

use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::error::Problem;
use crate::state::ApiState;

struct File {
    name: &'static str,
    mime: &'static str,
    text: &'static str,
}

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

const INDEX: File = File { name: "index.html", mime: HTML, text: include_str!("static/index.html") };

const FILES: &[File] = &[
    File { name: "app.css", mime: CSS, text: include_str!("static/app.css") },
    File { name: "app.js", mime: SCRIPT, text: include_str!("static/app.js") },
    File { name: "api.js", mime: SCRIPT, text: include_str!("static/api.js") },
    File { name: "dom.js", mime: SCRIPT, text: include_str!("static/dom.js") },
    File { name: "search.js", mime: SCRIPT, text: include_str!("static/search.js") },
    File { name: "hit.js", mime: SCRIPT, text: include_str!("static/hit.js") },
    File { name: "document.js", mime: SCRIPT, text: include_str!("static/document.js") },
    File { name: "library.js", mime: SCRIPT, text: include_str!("static/library.js") },
    File { name: "upload.js", mime: SCRIPT, text: include_str!("static/upload.js") },
    File { name: "problems.js", mime: SCRIPT, text: include_str!("static/problems.js") },
    File { name: "status.js", mime: SCRIPT, text: include_str!("static/status.js") },
    File { name: "icon.svg", mime: "image/svg+xml", text: include_str!("static/icon.svg") },
];

/// `/` and `/static/*`.
pub(crate) fn routes() -> Router<ApiState> {
    Router::new().route("/", get(async || send(&INDEX))).route("/static/{name}", get(file))
}

async fn file(Path(name): Path<String>) -> Response {
    match FILES.iter().find(|file| file.name == name) {
        Some(file) => send(file),
        None => Problem::of_status(StatusCode::NOT_FOUND).into_response(),
    }
}

fn send(file: &'static File) -> Response {
    let headers: [(HeaderName, &str); 2] = [(header::CONTENT_TYPE, file.mime), (header::CACHE_CONTROL, "no-cache")];
    (headers, file.text).into_response()
}
