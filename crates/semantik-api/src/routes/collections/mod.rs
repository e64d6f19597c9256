//! Collections.

mod create;
mod delete;
mod get;
mod list;
mod sync;
mod update;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::ApiState;

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list::list_collections, create::create_collection))
        .routes(routes!(get::get_collection, update::update_collection, delete::delete_collection))
        .routes(routes!(sync::sync_collection))
}
