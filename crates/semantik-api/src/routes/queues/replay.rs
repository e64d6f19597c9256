//! `POST /queues/dlq/{id}/replay`

use axum::extract::State;
use axum::http::StatusCode;
use semantik_app::App;
use semantik_core::id::JobId;

use crate::auth::Auth;
use crate::error::Problem;
use crate::extract::Param;

/// Puts a dead job back on its queue.
#[utoipa::path(
    post, path = "/api/v2/queues/dlq/{id}/replay", tag = "queues",
    params(("id" = JobId, Path)), responses((status = 202, description = "Back on its queue"))
)]
pub(super) async fn replay_job(
    State(app): State<App>,
    Auth(caller): Auth,
    Param(id): Param<JobId>,
) -> Result<StatusCode, Problem> {
    app.replay_job(&caller, id).await?;
    Ok(StatusCode::ACCEPTED)
}
