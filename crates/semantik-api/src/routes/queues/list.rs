//! `GET /queues`

use axum::Json;
use axum::extract::State;
use semantik_app::{App, QueueView};
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::Auth;
use crate::error::Problem;

/// Every queue.
#[derive(Serialize, ToSchema)]
pub(super) struct Queues {
    items: Vec<QueueView>,
}

/// What waits, runs and is dead, per queue.
#[utoipa::path(get, path = "/api/v2/queues", tag = "queues", responses((status = 200, body = Queues)))]
pub(super) async fn list_queues(State(app): State<App>, Auth(caller): Auth) -> Result<Json<Queues>, Problem> {
    Ok(Json(Queues { items: app.queues(&caller).await? }))
}
