//! `DELETE /collections/{key}/sources/{id}`

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use semantik_app::App;
use semantik_core::id::SourceId;
use semantik_core::operation::Operation;

use crate::auth::Auth;
use crate::error::Problem;
use crate::extract::Param;

/// Removes a source with its documents. Files on disk are never touched.
#[utoipa::path(
    delete, path = "/api/v2/collections/{key}/sources/{id}", tag = "sources",
    params(("key" = String, Path, description = "Id or name"), ("id" = SourceId, Path)),
    responses((status = 202, body = Operation))
)]
pub(super) async fn remove_source(
    State(app): State<App>,
    Auth(caller): Auth,
    Param((key, id)): Param<(String, SourceId)>,
) -> Result<(StatusCode, Json<Operation>), Problem> {
    Ok((StatusCode::ACCEPTED, Json(app.remove_source(&caller, &key, id).await?)))
}
