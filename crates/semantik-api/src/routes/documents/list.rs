//! `GET /collections/{key}/documents`

use axum::Json;
use axum::extract::State;
use semantik_app::{App, DocumentQuery, Documents};
use semantik_core::document::DocumentStatus;
use semantik_core::id::DocumentId;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::auth::Auth;
use crate::error::Problem;
use crate::extract::{Param, Params, bounded};

/// Which documents.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ListDocuments {
    status: Option<DocumentStatus>,
    /// Prefix of the document's URI.
    path_prefix: Option<String>,
    /// 1-1000, 100 when absent.
    limit: Option<usize>,
    /// `next_cursor` of the page before.
    cursor: Option<DocumentId>,
}

/// A page of a collection's documents.
#[utoipa::path(
    get, path = "/api/v2/collections/{key}/documents", tag = "documents",
    params(("key" = String, Path, description = "Id or name"), ListDocuments), responses((status = 200, body = Documents))
)]
pub(super) async fn list_documents(
    State(app): State<App>,
    Auth(caller): Auth,
    Param(key): Param<String>,
    Params(query): Params<ListDocuments>,
) -> Result<Json<Documents>, Problem> {
    let limit = bounded(query.limit)?;
    let query = DocumentQuery { status: query.status, path_prefix: query.path_prefix, cursor: query.cursor, limit };
    Ok(Json(app.documents(&caller, &key, query).await?))
}
