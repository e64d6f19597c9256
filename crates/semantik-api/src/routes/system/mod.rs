//! The installation itself.

mod doctor;
mod info;
mod metrics;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::ApiState;

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(info::system_info)).routes(routes!(metrics::scrape))
}

/// A consistency check reads everything.
pub(super) fn slow_routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(doctor::doctor))
}
