//! `GET /documents/{id}/chunks`

use axum::Json;
use axum::extract::State;
use semantik_app::App;
use semantik_core::chunk::Chunk;
use semantik_core::id::DocumentId;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::auth::Auth;
use crate::error::Problem;
use crate::extract::{Param, Params, bounded};

/// Which chunks.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ListChunks {
    /// First ordinal, 0 when absent.
    #[serde(default)]
    from: u32,
    /// 1-1000, 100 when absent.
    limit: Option<usize>,
}

/// Chunks in the order of the document.
#[derive(Serialize, ToSchema)]
pub(super) struct Chunks {
    items: Vec<Chunk>,
}

/// How a document was cut.
#[utoipa::path(
    get, path = "/api/v2/documents/{id}/chunks", tag = "documents",
    params(("id" = DocumentId, Path), ListChunks), responses((status = 200, body = Chunks))
)]
pub(super) async fn list_chunks(
    State(app): State<App>,
    Auth(caller): Auth,
    Param(id): Param<DocumentId>,
    Params(query): Params<ListChunks>,
) -> Result<Json<Chunks>, Problem> {
    let limit = bounded(query.limit)?;
    Ok(Json(Chunks { items: app.document_chunks(&caller, id, query.from, limit).await? }))
}
