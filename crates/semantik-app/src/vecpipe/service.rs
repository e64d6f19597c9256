//! The service as a whole: its models, its readiness, its end.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use semantik_core::collection::Quantization;
use semantik_core::{Clock, ErrorCode};
use semantik_index::IndexEngine;
use semantik_inference::local::ModelState;
use semantik_inference::{Embedder, InferenceError, ModelInfo, Reranker};
use semantik_store::Spaces;
use serde::Serialize;

use super::in_flight::InFlight;
use super::models::ModelSource;
use super::rerank::named;
use super::spaces::Registry;
use crate::AppError;

/// The engines a [`Vecpipe`] runs on.
pub struct VecpipeParts {
    pub models: Arc<dyn ModelSource>,
    pub rows: Arc<dyn Spaces>,
    pub engine: Arc<dyn IndexEngine>,
    pub clock: Arc<dyn Clock>,
    pub settings: Settings,
}

/// Which models are meant when none is named.
#[derive(Debug, Clone)]
pub struct Settings {
    pub model: String,
    pub quantization: Quantization,
    pub rerank_model: Option<String>,
}

/// The model service, ready for use. Cheap to clone.
#[derive(Clone)]
pub struct Vecpipe {
    inner: Arc<Inner>,
}

struct Inner {
    models: Arc<dyn ModelSource>,
    settings: Settings,
    spaces: Registry,
    in_flight: InFlight,
    warm: Mutex<Warm>,
}

/// How far the default model is.
#[derive(Debug, Clone)]
enum Warm {
    Loading,
    Ready,
    Failed(String),
}

/// Whether requests can be answered without waiting for weights.
#[derive(Debug, Clone, Serialize)]
pub struct Readiness {
    pub ready: bool,
    /// `warming up`, `ready` or `failed`.
    pub status: &'static str,
    pub model: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// What the service is doing.
#[derive(Debug, Clone, Serialize)]
pub struct VecpipeStatus {
    #[serde(flatten)]
    pub readiness: Readiness,
    /// Calls that wait for a model now.
    pub in_flight: usize,
    pub models: Vec<ModelState>,
}

impl Vecpipe {
    /// A service on given engines.
    pub fn new(parts: VecpipeParts) -> Self {
        let spaces = Registry::new(parts.rows, parts.engine, parts.clock);
        let (models, settings) = (parts.models, parts.settings);
        let (in_flight, warm) = (InFlight::default(), Mutex::new(Warm::Loading));
        Self { inner: Arc::new(Inner { models, settings, spaces, in_flight, warm }) }
    }

    /// Brings the default model into memory; requests are answered meanwhile, and wait for it.
    pub async fn warm_up(&self) {
        let settings = self.settings();
        let warm = match self.inner.models.load(&settings.model, settings.quantization).await {
            Ok(_) => Warm::Ready,
            Err(error) => {
                tracing::error!(%error, model = settings.model, "the default model cannot be loaded");
                Warm::Failed(error.to_string())
            }
        };
        *self.warm() = warm;
    }

    /// How far the default model is.
    pub fn readiness(&self) -> Readiness {
        let (ready, status, error) = match &*self.warm() {
            Warm::Loading => (false, "warming up", None),
            Warm::Ready => (true, "ready", None),
            Warm::Failed(error) => (false, "failed", Some(error.clone())),
        };
        Readiness { ready, status, model: self.settings().model.clone(), error }
    }

    /// Everything at a glance.
    pub fn status(&self) -> VecpipeStatus {
        VecpipeStatus {
            readiness: self.readiness(),
            in_flight: self.inner.in_flight.count(),
            models: self.inner.models.states(),
        }
    }

    /// What the default model is.
    ///
    /// # Errors
    /// When its folder cannot be read.
    pub async fn default_model(&self) -> Result<ModelInfo, AppError> {
        Ok(self.embedder(None, None).await?.info().clone())
    }

    /// Loads a model now.
    ///
    /// # Errors
    /// `not_found` for an unknown model, or what its folder lacks.
    pub async fn load_model(
        &self,
        name: Option<&str>,
        quantization: Option<Quantization>,
    ) -> Result<ModelState, AppError> {
        let name = named(name).unwrap_or(&self.settings().model);
        let quantization = quantization.unwrap_or(self.settings().quantization);
        let state = self.inner.models.load(name, quantization).await.map_err(unknown)?;
        // Whoever repaired the folder of the default model need not start again.
        if name == self.settings().model && quantization == self.settings().quantization {
            *self.warm() = Warm::Ready;
        }
        Ok(state)
    }

    /// Lets a model go; how many were in memory. The next use loads it again.
    pub fn unload_model(&self, name: Option<&str>) -> usize {
        self.inner.models.unload(named(name).unwrap_or(&self.settings().model))
    }

    pub(super) async fn embedder(
        &self,
        name: Option<&str>,
        quantization: Option<Quantization>,
    ) -> Result<Arc<dyn Embedder>, AppError> {
        let name = named(name).unwrap_or(&self.settings().model).to_owned();
        let quantization = quantization.unwrap_or(self.settings().quantization);
        let models = Arc::clone(&self.inner.models);
        blocking(move || models.embedder(&name, quantization)).await
    }

    pub(super) async fn reranker(&self, name: &str) -> Result<Arc<dyn Reranker>, AppError> {
        let (name, quantization) = (name.to_owned(), self.settings().quantization);
        let models = Arc::clone(&self.inner.models);
        blocking(move || models.reranker(&name, quantization)).await
    }

    /// Which models are meant when none is named.
    pub fn settings(&self) -> &Settings {
        &self.inner.settings
    }

    pub(super) fn spaces(&self) -> &Registry {
        &self.inner.spaces
    }

    pub(super) fn in_flight(&self) -> &InFlight {
        &self.inner.in_flight
    }

    fn warm(&self) -> MutexGuard<'_, Warm> {
        self.inner.warm.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Small files are read, off the threads that answer.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, InferenceError> + Send + 'static,
) -> Result<T, AppError> {
    let joined = tokio::task::spawn_blocking(work).await;
    joined.map_err(|error| AppError::Internal(format!("opening a model failed: {error}")))?.map_err(unknown)
}

/// A model that a request names and that is not there is the request's mistake.
fn unknown(error: InferenceError) -> AppError {
    match error {
        InferenceError::NotFound { name } | InferenceError::Offline { name } => AppError::Refused {
            code: ErrorCode::NotFound,
            message: format!("model {name} is not in the model cache"),
            hint: Some(format!("run `semantik models pull {name}`, or leave `model` out for the default")),
        },
        other => AppError::Inference(other),
    }
}
