//! `GET /collections`

use axum::Json;
use axum::extract::State;
use semantik_app::{App, CollectionSummary};

use crate::auth::Auth;
use crate::error::Problem;

/// Every collection, with its counts.
#[utoipa::path(get, path = "/api/v2/collections", tag = "collections", responses((status = 200, body = [CollectionSummary])))]
pub(super) async fn list_collections(
    State(app): State<App>,
    Auth(caller): Auth,
) -> Result<Json<Vec<CollectionSummary>>, Problem> {
    Ok(Json(app.collections(&caller).await?))
}
