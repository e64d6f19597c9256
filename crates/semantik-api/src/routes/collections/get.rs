//! `GET /collections/{key}`

use axum::Json;
use axum::extract::State;
use semantik_app::{App, CollectionSummary};

use crate::auth::Auth;
use crate::error::Problem;
use crate::extract::Param;

/// One collection, by id or name.
#[utoipa::path(
    get, path = "/api/v2/collections/{key}", tag = "collections",
    params(("key" = String, Path, description = "Id or name")), responses((status = 200, body = CollectionSummary))
)]
pub(super) async fn get_collection(
    State(app): State<App>,
    Auth(caller): Auth,
    Param(key): Param<String>,
) -> Result<Json<CollectionSummary>, Problem> {
    Ok(Json(app.collection(&caller, &key).await?))
}
