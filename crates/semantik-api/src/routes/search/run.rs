//! `POST /search`

use axum::Json;
use axum::extract::State;
use semantik_app::App;
use semantik_core::search::{SearchRequest, SearchResponse};

use crate::auth::Auth;
use crate::error::Problem;
use crate::extract::Body;

/// Finds passages by meaning, by words, or by both.
#[utoipa::path(
    post, path = "/api/v2/search", tag = "search", request_body = SearchRequest,
    responses((status = 200, body = SearchResponse))
)]
pub(super) async fn search(
    State(app): State<App>,
    Auth(caller): Auth,
    Body(request): Body<SearchRequest>,
) -> Result<Json<SearchResponse>, Problem> {
    Ok(Json(app.search(&caller, request).await?))
}
