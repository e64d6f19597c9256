//! `DELETE /documents/{id}`

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use semantik_app::App;
use semantik_core::id::DocumentId;
use semantik_core::operation::Operation;

use crate::auth::Auth;
use crate::error::Problem;
use crate::extract::Param;

/// Removes a document from search. A file of a folder comes back with the next sync while it is
/// still there; exclude it in the source to keep it out.
#[utoipa::path(
    delete, path = "/api/v2/documents/{id}", tag = "documents",
    params(("id" = DocumentId, Path)), responses((status = 202, body = Operation))
)]
pub(super) async fn delete_document(
    State(app): State<App>,
    Auth(caller): Auth,
    Param(id): Param<DocumentId>,
) -> Result<(StatusCode, Json<Operation>), Problem> {
    Ok((StatusCode::ACCEPTED, Json(app.delete_document(&caller, id).await?)))
}
