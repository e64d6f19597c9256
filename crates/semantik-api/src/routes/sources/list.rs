//! `GET /collections/{key}/sources`

use axum::Json;
use axum::extract::State;
use semantik_app::App;
use semantik_core::source::Source;

use crate::auth::Auth;
use crate::error::Problem;
use crate::extract::Param;

/// Where a collection's content comes from.
#[utoipa::path(
    get, path = "/api/v2/collections/{key}/sources", tag = "sources",
    params(("key" = String, Path, description = "Id or name")), responses((status = 200, body = [Source]))
)]
pub(super) async fn list_sources(
    State(app): State<App>,
    Auth(caller): Auth,
    Param(key): Param<String>,
) -> Result<Json<Vec<Source>>, Problem> {
    Ok(Json(app.sources(&caller, &key).await?))
}
