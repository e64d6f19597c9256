//! `PATCH /collections/{key}`

use axum::Json;
use axum::extract::State;
use semantik_app::{App, CollectionPatch, CollectionSummary};

use crate::auth::Auth;
use crate::error::Problem;
use crate::extract::{Body, Param};

/// Changes name, description or tags; what is absent stays.
#[utoipa::path(
    patch, path = "/api/v2/collections/{key}", tag = "collections", request_body = CollectionPatch,
    params(("key" = String, Path, description = "Id or name")), responses((status = 200, body = CollectionSummary))
)]
pub(super) async fn update_collection(
    State(app): State<App>,
    Auth(caller): Auth,
    Param(key): Param<String>,
    Body(patch): Body<CollectionPatch>,
) -> Result<Json<CollectionSummary>, Problem> {
    Ok(Json(app.update_collection(&caller, &key, patch).await?))
}
