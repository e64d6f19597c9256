//! `GET /queues/dlq`

use axum::Json;
use axum::extract::State;
use semantik_app::App;
use semantik_core::job::JobView;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::auth::Auth;
use crate::error::Problem;
use crate::extract::{Params, bounded};

/// How many.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ListDeadJobs {
    /// 1-1000, 100 when absent.
    limit: Option<usize>,
}

/// Jobs that gave up, newest first.
#[derive(Serialize, ToSchema)]
pub(super) struct DeadJobs {
    items: Vec<JobView>,
}

/// Jobs that gave up, with their reasons.
#[utoipa::path(get, path = "/api/v2/queues/dlq", tag = "queues", params(ListDeadJobs), responses((status = 200, body = DeadJobs)))]
pub(super) async fn list_dead_jobs(
    State(app): State<App>,
    Auth(caller): Auth,
    Params(query): Params<ListDeadJobs>,
) -> Result<Json<DeadJobs>, Problem> {
    let limit = bounded(query.limit)?;
    Ok(Json(DeadJobs { items: app.dead_jobs(&caller, limit).await? }))
}
