//! `GET /system/info`

use axum::Json;
use axum::extract::State;
use semantik_app::{App, SystemInfo};

use crate::auth::Auth;
use crate::error::Problem;

/// Version, model and data folder.
#[utoipa::path(get, path = "/api/v2/system/info", tag = "system", responses((status = 200, body = SystemInfo)))]
pub(super) async fn system_info(State(app): State<App>, Auth(caller): Auth) -> Result<Json<SystemInfo>, Problem> {
    Ok(Json(app.system_info(&caller).await?))
}
