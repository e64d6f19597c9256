//! Health checks, under every address a supervisor may already know.

mod live;
mod ready;

use axum::routing::get;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::ApiState;

/// Second addresses: the documented one, the alias.
pub(crate) const ALIASES: [(&str, &str); 6] = [
    ("/api/health", "/api/health/healthz"),
    ("/api/health", "/healthz"),
    ("/api/health", "/health/live"),
    ("/api/health/readyz", "/readyz"),
    ("/api/health/readyz", "/health/ready"),
    ("/api/health/readyz", "/api/health/search-api"),
];

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    let documented = OpenApiRouter::new().routes(routes!(live::live)).routes(routes!(ready::ready));
    ALIASES.into_iter().fold(documented, |router, (address, alias)| match address {
        "/api/health" => router.route(alias, get(live::live)),
        _ => router.route(alias, get(ready::ready)),
    })
}
