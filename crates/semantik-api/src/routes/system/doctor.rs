//! `POST /system/doctor`

use axum::Json;
use axum::extract::State;
use semantik_app::{App, DoctorReport};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::auth::Auth;
use crate::error::Problem;
use crate::extract::Body;

/// How thorough.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Examine {
    /// Also compares every row with the index, which takes a while.
    #[serde(default)]
    consistency: bool,
}

/// Examines the installation and says what to do about what it finds.
#[utoipa::path(
    post, path = "/api/v2/system/doctor", tag = "system", request_body = Option<Examine>,
    responses((status = 200, body = DoctorReport))
)]
pub(super) async fn doctor(
    State(app): State<App>,
    Auth(caller): Auth,
    body: Option<Body<Examine>>,
) -> Result<Json<DoctorReport>, Problem> {
    let examine = body.map(|Body(examine)| examine).unwrap_or_default();
    Ok(Json(app.doctor(&caller, examine.consistency).await?))
}
