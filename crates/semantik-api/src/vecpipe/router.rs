//! The routes and what lies around them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::header;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post};
use semantik_app::vecpipe::Vecpipe;
use semantik_core::Secret;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::timeout::TimeoutLayer;

use super::{bodies, dialect, embed, health, key, models, openai, rerank, spaces};
use crate::observe::TIMED_OUT;
use crate::{error, host, observe};

/// How long a request may take: thousands of long texts on a slow machine.
const TIMEOUT: Duration = Duration::from_secs(600);

/// What the service must know of its surroundings.
#[derive(Debug, Clone)]
pub struct VecpipeOptions {
    /// Where it answers; a loopback address turns the check of the `Host` header on.
    pub bind: SocketAddr,
    /// What callers must show.
    pub key: Option<Secret>,
}

/// Everything `semantik vecpipe` answers over HTTP.
pub fn vecpipe_router(vecpipe: Vecpipe, options: VecpipeOptions) -> Router {
    // Installed before the first request counts.
    let _recorder = crate::metrics::recorder();
    Router::new()
        .route("/health", get(health::live))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(scrape))
        .route("/models", get(models::list))
        .route("/models/load", post(models::load))
        .route("/models/unload", post(models::unload))
        .route("/model/status", get(models::status))
        .route("/embedding/info", get(models::embedding))
        .route("/info", get(models::info))
        .route("/embed", post(embed::embed))
        // Where TEI's clients ask when they are given the server alone.
        .route("/", post(embed::embed))
        .route("/rerank", post(rerank::rerank))
        .route("/v1/models", get(openai::models))
        .route("/v1/embeddings", post(openai::embeddings))
        .route("/v1/rerank", post(rerank::rerank_own))
        .route("/search", post(spaces::search))
        .route("/search/batch", post(spaces::search_batch))
        .route("/upsert", post(spaces::upsert))
        .route("/delete", post(spaces::delete))
        .route("/collection/info", get(spaces::info).post(spaces::info_of))
        .route("/collection/delete", post(spaces::remove))
        .fallback(error::no_route)
        .layer(TimeoutLayer::with_status_code(TIMED_OUT, TIMEOUT))
        .layer(DefaultBodyLimit::max(bodies::BODY_BYTES))
        .layer(CatchPanicLayer::custom(error::panicked))
        .layer(from_fn_with_state(bodies::Budget::new(), bodies::hold))
        .layer(from_fn_with_state(Arc::new(options.key), key::check))
        .layer(from_fn_with_state(options.bind, host::check))
        .layer(from_fn(dialect::speak))
        .layer(from_fn(observe::observe))
        .with_state(vecpipe)
}

/// Metrics alone, for a port of their own, without a key.
pub fn metrics_router(bind: SocketAddr) -> Router {
    Router::new()
        .route("/metrics", get(scrape))
        .fallback(error::no_route)
        .layer(from_fn_with_state(bind, host::check))
        .layer(from_fn(observe::observe))
}

/// `GET /metrics`
async fn scrape() -> ([(header::HeaderName, &'static str); 1], String) {
    let recorder = crate::metrics::recorder();
    recorder.run_upkeep();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], recorder.render())
}
