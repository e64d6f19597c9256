//! `GET /operations`

use axum::Json;
use axum::extract::State;
use semantik_app::App;
use semantik_core::operation::Operation;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::auth::Auth;
use crate::error::Problem;
use crate::extract::{Params, bounded};

/// Which operations.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ListOperations {
    /// Id or name of a collection.
    collection: Option<String>,
    /// Only those that have not ended.
    #[serde(default)]
    open: bool,
    /// 1-1000, 100 when absent.
    limit: Option<usize>,
}

/// Operations, newest first.
#[derive(Serialize, ToSchema)]
pub(super) struct Operations {
    items: Vec<Operation>,
}

/// What was asked for and how far it is.
#[utoipa::path(
    get, path = "/api/v2/operations", tag = "operations",
    params(ListOperations), responses((status = 200, body = Operations))
)]
pub(super) async fn list_operations(
    State(app): State<App>,
    Auth(caller): Auth,
    Params(query): Params<ListOperations>,
) -> Result<Json<Operations>, Problem> {
    let limit = bounded(query.limit)?;
    Ok(Json(Operations { items: app.operations(&caller, query.collection.as_deref(), query.open, limit).await? }))
}
