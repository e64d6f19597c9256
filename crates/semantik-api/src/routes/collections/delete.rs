//! `DELETE /collections/{key}`

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use semantik_app::App;
use semantik_core::operation::Operation;

use crate::auth::Auth;
use crate::error::Problem;
use crate::extract::Param;

/// Deletes a collection with everything in it. Files of directory sources are never touched.
#[utoipa::path(
    delete, path = "/api/v2/collections/{key}", tag = "collections",
    params(("key" = String, Path, description = "Id or name")), responses((status = 202, body = Operation))
)]
pub(super) async fn delete_collection(
    State(app): State<App>,
    Auth(caller): Auth,
    Param(key): Param<String>,
) -> Result<(StatusCode, Json<Operation>), Problem> {
    Ok((StatusCode::ACCEPTED, Json(app.delete_collection(&caller, &key).await?)))
}
