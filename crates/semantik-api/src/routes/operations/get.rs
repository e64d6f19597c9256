//! `GET /operations/{id}`

use axum::Json;
use axum::extract::State;
use semantik_app::App;
use semantik_core::id::OperationId;
use semantik_core::operation::Operation;

use crate::auth::Auth;
use crate::error::Problem;
use crate::extract::Param;

/// One operation.
#[utoipa::path(
    get, path = "/api/v2/operations/{id}", tag = "operations",
    params(("id" = OperationId, Path)), responses((status = 200, body = Operation))
)]
pub(super) async fn get_operation(
    State(app): State<App>,
    Auth(caller): Auth,
    Param(id): Param<OperationId>,
) -> Result<Json<Operation>, Problem> {
    Ok(Json(app.operation(&caller, id).await?))
}
