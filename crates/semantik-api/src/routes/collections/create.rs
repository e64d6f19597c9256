//! `POST /collections`

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use semantik_app::{App, CollectionSummary};
use semantik_core::collection::NewCollection;
use semantik_core::source::SourceConfig;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::auth::Auth;
use crate::error::Problem;
use crate::extract::Body;

/// A collection to make.
#[derive(Deserialize, ToSchema)]
pub(super) struct CreateCollection {
    #[serde(flatten)]
    collection: NewCollection,
    /// Where its content comes from; more can be added later.
    #[serde(default)]
    source: Option<SourceConfig>,
}

/// Makes a collection and, when a source is given, starts reading it.
#[utoipa::path(
    post, path = "/api/v2/collections", tag = "collections", request_body = CreateCollection,
    responses((status = 201, body = CollectionSummary))
)]
pub(super) async fn create_collection(
    State(app): State<App>,
    Auth(caller): Auth,
    Body(body): Body<CreateCollection>,
) -> Result<(StatusCode, Json<CollectionSummary>), Problem> {
    let summary = app.create_collection(&caller, body.collection).await?;
    let Some(source) = body.source else { return Ok((StatusCode::CREATED, Json(summary))) };
    let key = summary.collection.id.to_string();
    if let Err(error) = app.add_source(&caller, &key, source).await {
        // All or nothing: the same request must work once the source is right.
        app.delete_collection(&caller, &key).await?;
        return Err(error.into());
    }
    Ok((StatusCode::CREATED, Json(app.collection(&caller, &key).await?)))
}
