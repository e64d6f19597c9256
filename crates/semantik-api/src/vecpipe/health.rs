//! `GET /health` and `GET /readyz`

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use semantik_app::vecpipe::Vecpipe;
use serde::Serialize;

/// Seconds a supervisor waits before it asks again.
const RETRY_AFTER_S: &str = "2";

#[derive(Serialize)]
pub(super) struct Alive {
    status: &'static str,
    version: &'static str,
}

/// Whether the process runs; true whenever it answers.
pub(super) async fn live() -> Json<Alive> {
    Json(Alive { status: "ok", version: env!("CARGO_PKG_VERSION") })
}

/// Whether the default model is in memory, or was.
pub(super) async fn ready(State(vecpipe): State<Vecpipe>) -> Response {
    let readiness = vecpipe.readiness();
    if readiness.ready {
        return Json(readiness).into_response();
    }
    (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, RETRY_AFTER_S)], Json(readiness)).into_response()
}
