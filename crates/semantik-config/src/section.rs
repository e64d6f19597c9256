//! The sections and their defaults. The doc comments are the manual.

use semantik_core::collection::Quantization;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

/// The whole configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Where everything Semantik remembers lies (`SEMANTIK_DATA_DIR`).
    pub data_dir: PathBuf,
    /// Metadata and jobs; empty means SQLite in the data folder (`DATABASE_URL`).
    pub database_url: Option<String>,
    /// `DEBUG`, `INFO`, `WARNING` or `ERROR` (`LOG_LEVEL`); `RUST_LOG` wins.
    pub log_level: String,
    /// `text` or `json` (`LOG_FORMAT`).
    pub log_json: bool,
    /// Documents extracted or embedded at the same time (`MAX_CONCURRENT_JOBS`).
    pub max_concurrent_jobs: usize,
    pub server: ServerConfig,
    pub embedding: EmbeddingConfig,
    pub extract: ExtractConfig,
}

/// Where HTTP answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerConfig {
    /// Address and port (`BIND_ADDRESS`, `WEBUI_PORT`).
    pub bind: SocketAddr,
    /// Seconds a stop waits for running work (`SHUTDOWN_TIMEOUT_SECS`).
    pub shutdown_timeout_s: u64,
}

/// Which model makes the vectors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmbeddingConfig {
    /// Catalogue name or `org/model` (`DEFAULT_EMBEDDING_MODEL`).
    pub model: String,
    /// What models compute with (`DEFAULT_QUANTIZATION`): `float32` is exact, `float16` near-lossless at
    /// half the memory, `int8` fastest.
    pub quantization: Quantization,
    /// Where models are kept (`HF_CACHE_DIR`).
    pub cache_dir: PathBuf,
    /// Never ask the hub (`HF_HUB_OFFLINE`).
    pub offline: bool,
    /// Where the hub is (`HF_ENDPOINT`).
    pub hub: String,
    /// Deterministic vectors without a model, for tests (`USE_MOCK_EMBEDDINGS`).
    pub mock: bool,
    /// Seconds without use before the weights leave memory (`MODEL_UNLOAD_AFTER_SECONDS`).
    pub unload_after_s: u64,
    /// What computes (`EMBEDDING_DEVICE`): `auto` takes an NVIDIA card where one can be used,
    /// `cuda` insists on one, `cpu` leaves it alone. `CUDA_VISIBLE_DEVICES` says which cards there are.
    pub device: Device,
    /// Threads that compute; 0 means one per core (`EMBEDDING_THREADS`).
    pub threads: usize,
    /// Passages embedded, stored and made durable together (`BATCH_SIZE`).
    pub batch_size: usize,
}

/// What models are computed on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Device {
    #[default]
    Auto,
    Cpu,
    Cuda,
}

/// What an extraction may cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtractConfig {
    /// Largest original, MiB (`MAX_FILE_SIZE_MB`).
    pub max_file_mb: u64,
    /// Address space of an extractor process, MiB (`EXTRACT_MEMORY_MB`).
    pub memory_mb: u64,
    /// Seconds per document (`EXTRACT_TIMEOUT_SECS`).
    pub timeout_s: u64,
    /// Largest text or sum of members, MiB (`EXTRACT_MAX_OUTPUT_MB`).
    pub max_output_mb: u64,
    /// Members of one archive (`EXTRACT_MAX_MEMBERS`).
    pub max_members: usize,
    /// Extractor processes; 0 means one per core, at most 4 (`EXTRACT_WORKERS`).
    pub workers: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::from("./data"),
            database_url: None,
            log_level: "INFO".into(),
            log_json: false,
            max_concurrent_jobs: 10,
            server: ServerConfig::default(),
            embedding: EmbeddingConfig::default(),
            extract: ExtractConfig::default(),
        }
    }
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self { bind: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080), shutdown_timeout_s: 30 }
    }
}

impl Default for EmbeddingConfig {
    fn default() -> Self {
        Self {
            model: "sentence-transformers/all-MiniLM-L6-v2".into(),
            quantization: Quantization::Float16,
            cache_dir: PathBuf::from("./models"),
            offline: false,
            hub: "https://huggingface.co".into(),
            mock: false,
            unload_after_s: 300,
            device: Device::Auto,
            threads: 0,
            batch_size: 64,
        }
    }
}

impl Default for ExtractConfig {
    fn default() -> Self {
        Self { max_file_mb: 100, memory_mb: 2048, timeout_s: 120, max_output_mb: 200, max_members: 10_000, workers: 0 }
    }
}

impl Config {
    /// The URL of the metadata store.
    pub fn store_url(&self) -> String {
        self.database_url.clone().unwrap_or_else(|| format!("sqlite:{}", self.data_dir.join("semantik.db").display()))
    }

    /// Every problem of the values, as sentences that say what to set. Empty means usable.
    pub fn check(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if let Some(url) = &self.database_url
            && !url.starts_with("sqlite:")
        {
            problems.push(
                "DATABASE_URL: only sqlite:<path> is supported by this build; unset it to use the data folder".into(),
            );
        }
        if !["DEBUG", "INFO", "WARNING", "ERROR"].contains(&self.log_level.as_str()) {
            problems.push(format!("LOG_LEVEL: `{}` is not one of DEBUG, INFO, WARNING, ERROR", self.log_level));
        }
        for (name, value, low, high) in [
            ("MAX_CONCURRENT_JOBS", self.max_concurrent_jobs as u64, 1, 256),
            ("BATCH_SIZE", self.embedding.batch_size as u64, 1, 4096),
            ("EMBEDDING_THREADS", self.embedding.threads as u64, 0, 1024),
            ("MAX_FILE_SIZE_MB", self.extract.max_file_mb, 1, 4096),
            ("EXTRACT_MEMORY_MB", self.extract.memory_mb, 256, 65_536),
            ("EXTRACT_TIMEOUT_SECS", self.extract.timeout_s, 1, 86_400),
            ("EXTRACT_MAX_OUTPUT_MB", self.extract.max_output_mb, 1, 4096),
            ("EXTRACT_MAX_MEMBERS", self.extract.max_members as u64, 1, 1_000_000),
            ("EXTRACT_WORKERS", self.extract.workers as u64, 0, 64),
            ("SHUTDOWN_TIMEOUT_SECS", self.server.shutdown_timeout_s, 1, 3600),
        ] {
            if !(low..=high).contains(&value) {
                problems.push(format!("{name}: {value} is outside {low} to {high}"));
            }
        }
        problems
    }
}
