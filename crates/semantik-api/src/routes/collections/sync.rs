//! `POST /collections/{key}/sync/run`

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use semantik_app::App;
use semantik_core::operation::Operation;

use crate::auth::Auth;
use crate::error::Problem;
use crate::extract::Param;

/// Reads every directory source again and applies what changed.
#[utoipa::path(
    post, path = "/api/v2/collections/{key}/sync/run", tag = "collections",
    params(("key" = String, Path, description = "Id or name")), responses((status = 202, body = Operation))
)]
pub(super) async fn sync_collection(
    State(app): State<App>,
    Auth(caller): Auth,
    Param(key): Param<String>,
) -> Result<(StatusCode, Json<Operation>), Problem> {
    Ok((StatusCode::ACCEPTED, Json(app.sync(&caller, &key).await?)))
}
