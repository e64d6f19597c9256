//! What models there are, and bringing them in and out of memory.

use axum::Json;
use axum::extract::State;
use semantik_app::vecpipe::{ModelInfo, ModelState, TEXTS, Vecpipe, VecpipeStatus};
use semantik_core::collection::Quantization;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::bodies;
use crate::error::Problem;

/// Which model; the default one when none is named.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    model: Option<String>,
    quantization: Option<Quantization>,
}

#[derive(Serialize)]
pub(super) struct List {
    /// Meant when a request names none.
    default: String,
    reranker: Option<String>,
    /// Every model asked for so far.
    models: Vec<ModelState>,
}

#[derive(Serialize)]
pub(super) struct Unloaded {
    unloaded: usize,
}

/// `GET /models`
pub(super) async fn list(State(vecpipe): State<Vecpipe>) -> Json<List> {
    let settings = vecpipe.settings().clone();
    Json(List { default: settings.model, reranker: settings.rerank_model, models: vecpipe.status().models })
}

/// `GET /model/status`
pub(super) async fn status(State(vecpipe): State<Vecpipe>) -> Json<VecpipeStatus> {
    Json(vecpipe.status())
}

/// `GET /embedding/info`
pub(super) async fn embedding(State(vecpipe): State<Vecpipe>) -> Result<Json<ModelInfo>, Problem> {
    Ok(Json(vecpipe.default_model().await?))
}

/// `GET /info`, as text-embeddings-inference answers it, as far as there is such a thing here.
pub(super) async fn info(State(vecpipe): State<Vecpipe>) -> Result<Json<Value>, Problem> {
    let model = vecpipe.default_model().await?;
    Ok(Json(json!({
        "model_id": model.name,
        "model_sha": model.hash,
        "model_dtype": model.quantization,
        "model_type": { "embedding": {} },
        "max_input_length": model.max_tokens,
        "max_client_batch_size": TEXTS,
        "auto_truncate": false,
        "version": env!("CARGO_PKG_VERSION"),
    })))
}

/// `POST /models/load`
pub(super) async fn load(
    State(vecpipe): State<Vecpipe>,
    bodies::Json(which): bodies::Json<Which>,
) -> Result<Json<ModelState>, Problem> {
    Ok(Json(vecpipe.load_model(which.model.as_deref(), which.quantization).await?))
}

/// `POST /models/unload`
pub(super) async fn unload(
    State(vecpipe): State<Vecpipe>,
    bodies::Json(which): bodies::Json<Which>,
) -> Result<Json<Unloaded>, Problem> {
    if which.quantization.is_some() {
        return Err(Problem::invalid("a model is unloaded in every quantization; leave `quantization` out"));
    }
    Ok(Json(Unloaded { unloaded: vecpipe.unload_model(which.model.as_deref()) }))
}
