//! Putting an application together from settings.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use semantik_config::Config;
use semantik_core::SystemClock;
use semantik_inference::cache::{CacheOptions, CachedEmbedder, EmbeddingCache};
use semantik_inference::local::{Models, ModelsOptions};
use semantik_inference::models::ModelCache;
use semantik_inference::{Embedder, Reranker};
use semantik_ingest::extract::{ExtractorPool, Limits, PoolOptions};

use crate::{App, AppError, Parts};

/// Folder for files that do not outlive the process, below the data folder.
pub(crate) const TEMPORARY: &str = "tmp";

const MIB: u64 = 1024 * 1024;
/// Tokens of queries that may wait for the encoder, and as many of passages: far more than the jobs of
/// one process ever hand in at once, and a few megabytes.
pub const QUEUE_TOKENS: usize = 1 << 20;

impl App {
    /// Opens (and migrates) the data folder and prepares every engine; loads no weights yet.
    ///
    /// # Errors
    /// What the first engine that does not open says.
    pub async fn open(config: &Config) -> Result<App, AppError> {
        create_folder(&config.data_dir)?;
        sweep(&config.data_dir.join(TEMPORARY))?;
        let clock = Arc::new(SystemClock);
        let store = semantik_store::open(&config.store_url(), clock.clone()).await?;
        let blobs = semantik_store::blobs::open_folder(&config.data_dir.join("blobs"))?;
        let engine = semantik_index::open(&config.data_dir.join("index"))?;
        let models = models(config);
        let embedder = open_embedder(config, &models).await?;
        let reranker = open_reranker(config, &models).await?;
        let extractor = Arc::new(extractor(config, None)?);
        Ok(App::new(Parts { config: config.clone(), clock, store, blobs, engine, embedder, reranker, extractor }))
    }
}

/// What an earlier run left behind is nobody's any more.
fn sweep(folder: &Path) -> Result<(), AppError> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            tracing::warn!(%error, folder = %folder.display(), "leftovers of an earlier run could not be removed");
        }
        Ok(()) | Err(_) => {}
    }
    create_folder(folder)
}

fn create_folder(path: &Path) -> Result<(), AppError> {
    std::fs::create_dir_all(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::ReadOnlyFilesystem | std::io::ErrorKind::PermissionDenied => {
            AppError::Store(semantik_store::StoreError::ReadOnly)
        }
        _ => AppError::Store(semantik_store::StoreError::Unavailable(format!("{}: {error}", path.display()))),
    })
}

/// The models this process computes with; none is loaded yet.
pub(crate) fn models(config: &Config) -> Models {
    let settings = &config.embedding;
    Models::new(ModelsOptions {
        cache: ModelCache::new(&settings.cache_dir),
        threads: settings.threads,
        idle: Some(Duration::from_secs(settings.unload_after_s)),
        memory_bytes: settings.memory_bytes(),
        device: settings.device,
        kernels: Some(config.data_dir.join("cache").join("kernels")),
        queue_tokens: QUEUE_TOKENS,
        mock: settings.mock,
    })
}

/// The configured embedder, a remote one or one of this process, which computes nothing twice.
async fn open_embedder(config: &Config, models: &Models) -> Result<Arc<dyn Embedder>, AppError> {
    let settings = &config.embedding;
    let remote = settings.api_url.is_some() || settings.query_prefix.is_some() || settings.passage_prefix.is_some();
    if settings.provider.is_none() && remote {
        tracing::warn!("EMBEDDING_ settings of a remote model are not used: EMBEDDING_PROVIDER is not set");
    }
    let engine = match settings.provider.filter(|_| !settings.mock) {
        Some(provider) => semantik_inference::remote::open(provider, settings).await?,
        None => models.embedder(&settings.model, settings.quantization)?,
    };
    let cache = EmbeddingCache::new(CacheOptions {
        folder: config.data_dir.join("cache").join("embeddings"),
        disk_bytes: settings.cache_mb * MIB,
        query_bytes: usize::try_from(settings.query_cache_mb * MIB).unwrap_or(usize::MAX),
    });
    Ok(Arc::new(CachedEmbedder::new(engine, cache)))
}

/// The configured reranker, a remote one or one of this process.
async fn open_reranker(config: &Config, models: &Models) -> Result<Option<Arc<dyn Reranker>>, AppError> {
    let (settings, embedding) = (&config.rerank, &config.embedding);
    if settings.provider.is_none() && settings.api_url.is_some() {
        tracing::warn!("RERANK_API_URL is not used: RERANK_PROVIDER is not set");
    }
    let Some(name) = &settings.model else { return Ok(None) };
    Ok(Some(match settings.provider.filter(|_| !embedding.mock) {
        Some(provider) => semantik_inference::remote::open_reranker(provider, name, settings).await?,
        None => models.reranker(name, embedding.quantization)?,
    }))
}

/// A pool of extractors with the configured limits. They run beside the encoder, so there are never
/// more than four unless asked for.
pub(crate) fn extractor(config: &Config, workers: Option<usize>) -> Result<ExtractorPool, AppError> {
    let settings = &config.extract;
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let size = if settings.workers == 0 { cores.min(4) } else { settings.workers };
    let limits = Limits {
        file_bytes: settings.max_file_mb * MIB,
        output_bytes: settings.max_output_mb * MIB,
        memory_bytes: settings.memory_mb * MIB,
        seconds: settings.timeout_s,
        members: settings.max_members,
    };
    let options = PoolOptions::of_this_program(config.data_dir.join(TEMPORARY), limits, workers.unwrap_or(size))
        .map_err(|error| AppError::Internal(format!("this program cannot find itself: {error}")))?;
    Ok(ExtractorPool::new(options))
}
