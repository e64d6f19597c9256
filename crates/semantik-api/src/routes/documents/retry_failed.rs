//! `POST /collections/{key}/documents/retry-failed`

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use semantik_app::App;
use semantik_core::operation::Operation;

use crate::auth::Auth;
use crate::error::Problem;
use crate::extract::Param;

/// Reads every failed document of a collection again.
#[utoipa::path(
    post, path = "/api/v2/collections/{key}/documents/retry-failed", tag = "documents",
    params(("key" = String, Path, description = "Id or name")), responses((status = 202, body = Operation))
)]
pub(super) async fn retry_failed(
    State(app): State<App>,
    Auth(caller): Auth,
    Param(key): Param<String>,
) -> Result<(StatusCode, Json<Operation>), Problem> {
    Ok((StatusCode::ACCEPTED, Json(app.retry_failed(&caller, &key).await?)))
}
