//! Operations: watching and cancelling.

mod cancel;
mod events;
mod get;
mod list;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::ApiState;

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list::list_operations))
        .routes(routes!(get::get_operation, cancel::cancel_operation))
}

/// A stream lasts as long as its operation.
pub(super) fn slow_routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(events::operation_events))
}
