//! `DELETE /operations/{id}`

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use semantik_app::App;
use semantik_core::id::OperationId;
use semantik_core::operation::Operation;

use crate::auth::Auth;
use crate::error::Problem;
use crate::extract::Param;

/// Asks for the end of an operation; what is done stays done. One that ended stays as it is.
#[utoipa::path(
    delete, path = "/api/v2/operations/{id}", tag = "operations",
    params(("id" = OperationId, Path)), responses((status = 202, body = Operation))
)]
pub(super) async fn cancel_operation(
    State(app): State<App>,
    Auth(caller): Auth,
    Param(id): Param<OperationId>,
) -> Result<(StatusCode, Json<Operation>), Problem> {
    Ok((StatusCode::ACCEPTED, Json(app.cancel_operation(&caller, id).await?)))
}
