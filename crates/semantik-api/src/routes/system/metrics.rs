//! `GET /metrics`

use axum::extract::State;
use axum::http::{HeaderName, header};

use crate::auth::Auth;
use crate::error::Problem;
use crate::state::ApiState;

/// Metrics in the Prometheus text format.
#[utoipa::path(get, path = "/metrics", tag = "system", responses((status = 200, body = String, content_type = "text/plain")))]
pub(super) async fn scrape(
    State(state): State<ApiState>,
    Auth(caller): Auth,
) -> Result<([(HeaderName, &'static str); 1], String), Problem> {
    crate::metrics::read_gauges(&state.app, &caller).await?;
    state.metrics.run_upkeep();
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], state.metrics.render()))
}
