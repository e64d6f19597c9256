//! Queues and dead letters.

mod dead;
mod list;
mod replay;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::ApiState;

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list::list_queues))
        .routes(routes!(dead::list_dead_jobs))
        .routes(routes!(replay::replay_job))
}
