//! `GET /documents/{id}/content`

use axum::Json;
use axum::extract::State;
use semantik_app::App;
use semantik_core::document::{ExtractedText, Heading, Page, TextKind};
use semantik_core::id::DocumentId;
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::Auth;
use crate::error::Problem;
use crate::extract::Param;

/// A document's text with its provenance. Every offset is a UTF-8 byte offset into `text`.
#[derive(Serialize, ToSchema)]
pub(super) struct DocumentContent {
    mime: String,
    kind: TextKind,
    title: Option<String>,
    language: Option<String>,
    text: String,
    pages: Vec<Page>,
    headings: Vec<Heading>,
}

impl From<ExtractedText> for DocumentContent {
    fn from(content: ExtractedText) -> Self {
        let ExtractedText { mime, kind, title, language, text, pages, headings, syntax: _ } = content;
        Self { mime, kind, title, language, text, pages, headings }
    }
}

/// A document's text with pages and headings.
#[utoipa::path(
    get, path = "/api/v2/documents/{id}/content", tag = "documents",
    params(("id" = DocumentId, Path)), responses((status = 200, body = DocumentContent))
)]
pub(super) async fn get_content(
    State(app): State<App>,
    Auth(caller): Auth,
    Param(id): Param<DocumentId>,
) -> Result<Json<DocumentContent>, Problem> {
    Ok(Json(app.document_text(&caller, id).await?.into()))
}
