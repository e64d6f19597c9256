//! `POST /documents/{id}/retry`

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use semantik_app::App;
use semantik_core::id::DocumentId;
use semantik_core::operation::Operation;

use crate::auth::Auth;
use crate::error::Problem;
use crate::extract::Param;

/// Reads one document again.
#[utoipa::path(
    post, path = "/api/v2/documents/{id}/retry", tag = "documents",
    params(("id" = DocumentId, Path)), responses((status = 202, body = Operation))
)]
pub(super) async fn retry_document(
    State(app): State<App>,
    Auth(caller): Auth,
    Param(id): Param<DocumentId>,
) -> Result<(StatusCode, Json<Operation>), Problem> {
    Ok((StatusCode::ACCEPTED, Json(app.retry_document(&caller, id).await?)))
}
