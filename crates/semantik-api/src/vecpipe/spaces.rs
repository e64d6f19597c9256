//! Vector spaces that stand alone: what goes in, and what is found.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use semantik_app::vecpipe::{PointId, SpaceHits, SpaceInfo, SpaceQuery, UpsertRequest, Upserted, Vecpipe};
use serde::{Deserialize, Serialize};

use super::bodies;
use crate::error::Problem;
use crate::extract::Params;

/// One collection by name.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    collection: String,
}

/// One collection, or all.
#[derive(Deserialize)]
pub(super) struct Wanted {
    collection: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Batch {
    queries: Vec<SpaceQuery>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Points {
    collection: String,
    ids: Vec<PointId>,
}

#[derive(Serialize)]
pub(super) struct Answers {
    answers: Vec<SpaceHits>,
}

#[derive(Serialize)]
pub(super) struct Infos {
    collections: Vec<SpaceInfo>,
}

#[derive(Serialize)]
pub(super) struct Deleted {
    deleted: u64,
}

/// `POST /search`
pub(super) async fn search(
    State(vecpipe): State<Vecpipe>,
    bodies::Json(query): bodies::Json<SpaceQuery>,
) -> Result<Json<SpaceHits>, Problem> {
    Ok(Json(vecpipe.search(query).await?))
}

/// `POST /search/batch`
pub(super) async fn search_batch(
    State(vecpipe): State<Vecpipe>,
    bodies::Json(batch): bodies::Json<Batch>,
) -> Result<Json<Answers>, Problem> {
    Ok(Json(Answers { answers: vecpipe.search_batch(batch.queries).await? }))
}

/// `POST /upsert`: when the answer comes, the points are durable and found.
pub(super) async fn upsert(
    State(vecpipe): State<Vecpipe>,
    bodies::Json(request): bodies::Json<UpsertRequest>,
) -> Result<Json<Upserted>, Problem> {
    Ok(Json(vecpipe.upsert(request).await?))
}

/// `POST /delete`
pub(super) async fn delete(
    State(vecpipe): State<Vecpipe>,
    bodies::Json(points): bodies::Json<Points>,
) -> Result<Json<Deleted>, Problem> {
    Ok(Json(Deleted { deleted: vecpipe.delete_points(&points.collection, &points.ids).await? }))
}

/// `GET /collection/info`
pub(super) async fn info(
    State(vecpipe): State<Vecpipe>,
    Params(wanted): Params<Wanted>,
) -> Result<Json<Infos>, Problem> {
    let collections = match wanted.collection {
        Some(name) => vec![vecpipe.space_info(&name).await?],
        None => vecpipe.space_infos().await?,
    };
    Ok(Json(Infos { collections }))
}

/// `POST /collection/info`
pub(super) async fn info_of(
    State(vecpipe): State<Vecpipe>,
    bodies::Json(which): bodies::Json<Which>,
) -> Result<Json<SpaceInfo>, Problem> {
    Ok(Json(vecpipe.space_info(&which.collection).await?))
}

/// `POST /collection/delete`
pub(super) async fn remove(
    State(vecpipe): State<Vecpipe>,
    bodies::Json(which): bodies::Json<Which>,
) -> Result<StatusCode, Problem> {
    vecpipe.remove_space(&which.collection).await?;
    Ok(StatusCode::NO_CONTENT)
}
