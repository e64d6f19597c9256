//! Putting the service together from settings.

use std::sync::Arc;

use semantik_config::Config;
use semantik_core::SystemClock;

use super::models::ModelSource;
use super::service::{Settings, Vecpipe, VecpipeParts};
use crate::AppError;

/// Its folder below the data folder.
pub const FOLDER: &str = "vecpipe";

impl Vecpipe {
    /// Opens the vector spaces and finds the models; loads no weights yet.
    ///
    /// # Errors
    /// What the first engine that does not open says, and `model_not_found` for the default model.
    pub async fn open(config: &Config) -> Result<Self, AppError> {
        Self::open_with(config, Arc::new(crate::open::models(config))).await
    }

    /// The same with given models.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn open_with(config: &Config, models: Arc<dyn ModelSource>) -> Result<Self, AppError> {
        let folder = config.data_dir.join(FOLDER);
        let clock = Arc::new(SystemClock);
        let rows = semantik_store::open_spaces(&folder.join("spaces.db"), clock.clone()).await?;
        let engine = semantik_index::open(&folder.join("index"))?;
        let embedding = &config.embedding;
        let settings = Settings {
            model: if embedding.mock { "mock".into() } else { embedding.model.clone() },
            quantization: embedding.quantization,
            rerank_model: config.rerank.model.clone(),
        };
        // A default model that is not there is told now, not at the first request.
        models.embedder(&settings.model, settings.quantization)?;
        if let Some(name) = &settings.rerank_model {
            models.reranker(name, settings.quantization)?;
        }
        let vecpipe = Self::new(VecpipeParts { models, rows, engine, clock, settings });
        vecpipe.spaces().prepare().await?;
        Ok(vecpipe)
    }
}
