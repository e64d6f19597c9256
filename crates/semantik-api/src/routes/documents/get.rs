//! `GET /documents/{id}`

use axum::Json;
use axum::extract::State;
use semantik_app::App;
use semantik_core::document::Document;
use semantik_core::id::DocumentId;

use crate::auth::Auth;
use crate::error::Problem;
use crate::extract::Param;

/// One document.
#[utoipa::path(
    get, path = "/api/v2/documents/{id}", tag = "documents",
    params(("id" = DocumentId, Path)), responses((status = 200, body = Document))
)]
pub(super) async fn get_document(
    State(app): State<App>,
    Auth(caller): Auth,
    Param(id): Param<DocumentId>,
) -> Result<Json<Document>, Problem> {
    Ok(Json(app.document(&caller, id).await?))
}
