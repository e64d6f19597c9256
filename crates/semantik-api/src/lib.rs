//! HTTP over the use cases: routes, problems, the OpenAPI document and the search page.
//!
//! Invariants:
//! - Every response, errors included, carries `x-request-id`; every error is an RFC 9457 problem.
//! - Only `auth/` makes a [`semantik_app::Caller`]; a handler cannot reach a use case without one.
//! - Every body, list and wait has a limit.
//!
//! This crate knows the use cases and nothing of engines.

mod auth;
mod error;
mod extract;
mod host;
mod metrics;
mod observe;
mod openapi;
mod page;
mod routes;
mod state;
mod vecpipe;

use std::net::SocketAddr;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use semantik_app::App;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;

use crate::state::ApiState;

pub use vecpipe::{VecpipeOptions, metrics_router, vecpipe_router};

/// Largest body that is not an upload.
const BODY_BYTES: usize = 1024 * 1024;

/// What the API must know of its surroundings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApiOptions {
    /// Where it answers; a loopback address turns the check of the `Host` header on.
    pub bind: SocketAddr,
}

/// Everything that answers over HTTP.
pub fn router(app: App, options: ApiOptions) -> Router {
    let state = ApiState::new(app);
    let (routes, document) = routes::all().split_for_parts();
    routes
        .route("/api/v2/openapi.json", axum::routing::get(openapi::serve(openapi::finish(document))))
        .merge(page::routes())
        .fallback(error::no_route)
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .layer(CatchPanicLayer::custom(error::panicked))
        .layer(from_fn_with_state(options.bind, host::check))
        .layer(from_fn(observe::observe))
        .layer(CompressionLayer::new())
        .with_state(state)
}

/// The OpenAPI document, for generators.
pub fn openapi() -> utoipa::openapi::OpenApi {
    openapi::finish(routes::all().into_openapi())
}

#[cfg(test)]
mod tests;
