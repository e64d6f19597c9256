//! `GET /api/health/readyz`

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use semantik_app::{App, Health};

/// Whether requests can be answered, component by component.
#[utoipa::path(
    get, path = "/api/health/readyz", tag = "health",
    responses((status = 200, body = Health), (status = 503, description = "A component is down", body = Health))
)]
pub(super) async fn ready(State(app): State<App>) -> (StatusCode, Json<Health>) {
    let health = app.health().await;
    let status = if health.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(health))
}
