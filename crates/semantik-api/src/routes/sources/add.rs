//! `POST /collections/{key}/sources`

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use semantik_app::App;
use semantik_core::operation::Operation;
use semantik_core::source::{Source, SourceConfig};
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::Auth;
use crate::error::Problem;
use crate::extract::{Body, Param};

/// The source, and the operation that reads it.
#[derive(Serialize, ToSchema)]
pub(super) struct AddedSource {
    source: Source,
    operation: Operation,
}

/// Adds a source and starts reading it. The same folder again is read again, not added twice.
#[utoipa::path(
    post, path = "/api/v2/collections/{key}/sources", tag = "sources", request_body = SourceConfig,
    params(("key" = String, Path, description = "Id or name")), responses((status = 202, body = AddedSource))
)]
pub(super) async fn add_source(
    State(app): State<App>,
    Auth(caller): Auth,
    Param(key): Param<String>,
    Body(config): Body<SourceConfig>,
) -> Result<(StatusCode, Json<AddedSource>), Problem> {
    let (source, operation) = app.add_source(&caller, &key, config).await?;
    Ok((StatusCode::ACCEPTED, Json(AddedSource { source, operation })))
}
