//! Every address, one folder per noun, one file per verb.

pub(crate) mod health;

mod collections;
mod documents;
mod operations;
mod queues;
mod search;
mod sources;
mod system;

use std::time::Duration;

use tower_http::timeout::TimeoutLayer;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::error::ProblemView;
use crate::observe::TIMED_OUT;
use crate::state::ApiState;

/// How long a request may take; uploads, event streams and the doctor take what they need.
const TIMEOUT: Duration = Duration::from_secs(60);

#[derive(OpenApi)]
#[openapi(components(schemas(ProblemView)))]
struct Document;

pub(crate) fn all() -> OpenApiRouter<ApiState> {
    let quick = OpenApiRouter::with_openapi(Document::openapi())
        .merge(collections::routes())
        .merge(sources::routes())
        .merge(documents::routes())
        .merge(operations::routes())
        .merge(search::routes())
        .merge(queues::routes())
        .merge(system::routes())
        .merge(health::routes())
        .layer(TimeoutLayer::with_status_code(TIMED_OUT, TIMEOUT));
    quick.merge(documents::slow_routes()).merge(operations::slow_routes()).merge(system::slow_routes())
}
