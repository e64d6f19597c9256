//! Documents.

mod chunks;
mod content;
mod delete;
mod get;
mod list;
mod pace;
mod retry;
mod retry_failed;
mod upload;

use axum::extract::DefaultBodyLimit;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::ApiState;

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list::list_documents))
        .routes(routes!(retry_failed::retry_failed))
        .routes(routes!(get::get_document, delete::delete_document))
        .routes(routes!(content::get_content))
        .routes(routes!(chunks::list_chunks))
        .routes(routes!(retry::retry_document))
}

/// An upload lasts as long as its bytes travel, and counts them itself.
pub(super) fn slow_routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(upload::upload_documents)).layer(DefaultBodyLimit::disable())
}
