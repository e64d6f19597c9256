//! The sections and their defaults. The doc comments are the manual.

use semantik_core::collection::Quantization;
use semantik_core::{Provider, Secret};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

/// Characters of an internal key: fewer can be guessed, more fit no header.
const KEY_LENGTH: std::ops::RangeInclusive<usize> = 16..=1024;

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
    pub rerank: RerankConfig,
    pub extract: ExtractConfig,
    pub vecpipe: VecpipeConfig,
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
    /// Catalogue name or `org/model` (`DEFAULT_EMBEDDING_MODEL`); with a provider, its name there.
    pub model: String,
    /// Who makes the vectors (`EMBEDDING_PROVIDER`): `local` is this process; `openai` (and every
    /// server with its API), `cohere`, `tei` and `ollama` are remote servers, which see every text.
    pub provider: Option<Provider>,
    /// Where the provider's API begins (`EMBEDDING_API_URL`), for example `http://gpu:8000/v1`; `tei`
    /// needs it, the others have an address of their own.
    pub api_url: Option<String>,
    /// The key for the provider (`EMBEDDING_API_KEY`, or a file with it in `EMBEDDING_API_KEY_FILE`).
    pub api_key: Option<Secret>,
    /// Numbers of a vector from the provider (`EMBEDDING_DIMENSIONS`); empty takes what comes. With
    /// it, Semantik starts while the provider is down.
    pub dimensions: Option<usize>,
    /// What a provider's model wants written before a query (`EMBEDDING_QUERY_PREFIX`). `None` goes by the
    /// model's name; set but empty means nothing.
    pub query_prefix: Option<String>,
    /// The same for passages (`EMBEDDING_PASSAGE_PREFIX`).
    pub passage_prefix: Option<String>,
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
    /// MiB the weights of all loaded models may take; 0 means half of the machine's memory
    /// (`MODEL_MEMORY_MB`).
    pub memory_mb: u64,
    /// Threads that compute; 0 means one per core (`EMBEDDING_THREADS`).
    pub threads: usize,
    /// Passages embedded, stored and made durable together (`BATCH_SIZE`).
    pub batch_size: usize,
    /// Room on disk for vectors of passages that were embedded before, MiB (`EMBEDDING_CACHE_MB`);
    /// 0 computes each anew.
    pub cache_mb: u64,
    /// Memory for vectors of recent queries, MiB (`QUERY_CACHE_MB`); 0 keeps none.
    pub query_cache_mb: u64,
}

/// The second look at the best candidates of a search.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RerankConfig {
    /// The cross-encoder that takes it; empty for none (`RERANK_MODEL`).
    pub model: Option<String>,
    /// Who computes it (`RERANK_PROVIDER`): `local` is this process; `openai` (and every server with the
    /// `/rerank` of Jina), `cohere` and `tei` are remote servers.
    pub provider: Option<Provider>,
    /// Where the provider's API begins (`RERANK_API_URL`).
    pub api_url: Option<String>,
    /// The key for the provider (`RERANK_API_KEY`, or a file with it in `RERANK_API_KEY_FILE`).
    pub api_key: Option<Secret>,
}

/// What models are computed on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Device {
    Auto,
    /// The default for as long as the other engine has not been seen to work on a card.
    #[default]
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

/// The model service, `semantik vecpipe`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VecpipeConfig {
    /// Address and port (`BIND_ADDRESS` without its port, `VECPIPE_PORT`).
    pub bind: SocketAddr,
    /// A second port that answers only to `/metrics`; 0 or empty means none (`METRICS_PORT`).
    pub metrics_port: Option<u16>,
    /// What callers must show (`INTERNAL_API_KEY`, or a file that holds it, `INTERNAL_API_KEY_FILE`).
    /// Without it only this machine is answered.
    pub internal_api_key: Option<Secret>,
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
            rerank: RerankConfig::default(),
            extract: ExtractConfig::default(),
            vecpipe: VecpipeConfig::default(),
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
            provider: None,
            api_url: None,
            api_key: None,
            dimensions: None,
            query_prefix: None,
            passage_prefix: None,
            quantization: Quantization::Float16,
            cache_dir: PathBuf::from("./models"),
            offline: false,
            hub: "https://huggingface.co".into(),
            mock: false,
            unload_after_s: 300,
            device: Device::default(),
            memory_mb: 0,
            threads: 0,
            batch_size: 64,
            cache_mb: 1024,
            query_cache_mb: 16,
        }
    }
}

impl Default for VecpipeConfig {
    fn default() -> Self {
        Self {
            bind: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8000),
            metrics_port: Some(9091),
            internal_api_key: None,
        }
    }
}

impl Default for ExtractConfig {
    fn default() -> Self {
        Self { max_file_mb: 100, memory_mb: 2048, timeout_s: 120, max_output_mb: 200, max_members: 10_000, workers: 0 }
    }
}

impl EmbeddingConfig {
    /// What the weights of all loaded models may take; `None` where nothing is known of the memory.
    pub fn memory_bytes(&self) -> Option<u64> {
        if self.memory_mb > 0 { Some(self.memory_mb << 20) } else { machine_memory().map(|bytes| bytes / 2) }
    }
}

/// `MemTotal` in bytes (proc_meminfo(5)).
fn machine_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? << 10)
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
        if let Some(key) = &self.vecpipe.internal_api_key
            && !(KEY_LENGTH.contains(&key.expose().len()) && key.expose().bytes().all(|byte| byte.is_ascii_graphic()))
        {
            problems.push(format!(
                "INTERNAL_API_KEY: it must have {} to {} visible ASCII characters; `openssl rand -hex 32` makes one",
                KEY_LENGTH.start(),
                KEY_LENGTH.end()
            ));
        }
        problems.extend(self.embedding.check());
        problems.extend(self.rerank.check());
        for (name, value, low, high) in [
            ("MAX_CONCURRENT_JOBS", self.max_concurrent_jobs as u64, 1, 256),
            ("BATCH_SIZE", self.embedding.batch_size as u64, 1, 4096),
            ("EMBEDDING_CACHE_MB", self.embedding.cache_mb, 0, 1_048_576),
            ("QUERY_CACHE_MB", self.embedding.query_cache_mb, 0, 65_536),
            ("EMBEDDING_THREADS", self.embedding.threads as u64, 0, 1024),
            ("EMBEDDING_DIMENSIONS", self.embedding.dimensions.unwrap_or(1) as u64, 1, 65_536),
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

impl EmbeddingConfig {
    /// Problems of a remote provider's settings. The address is never repeated: it may hold a secret.
    fn check(&self) -> Vec<String> {
        check_remote("EMBEDDING", self.provider, self.api_url.as_deref(), self.api_key.is_some())
    }
}

impl RerankConfig {
    fn check(&self) -> Vec<String> {
        let mut problems = check_remote("RERANK", self.provider, self.api_url.as_deref(), self.api_key.is_some());
        if self.provider == Some(Provider::Ollama) {
            problems.push("RERANK_PROVIDER: ollama has no reranker; choose openai, cohere, tei or local".to_owned());
        }
        if self.provider.is_some() && self.model.is_none() {
            problems.push("RERANK_MODEL: RERANK_PROVIDER needs the model's name there".to_owned());
        }
        problems
    }
}

/// `group` is what the names of the settings begin with.
fn check_remote(group: &str, provider: Option<Provider>, url: Option<&str>, has_key: bool) -> Vec<String> {
    let mut problems = Vec::new();
    match url {
        None if provider == Some(Provider::Tei) => {
            problems.push(format!("{group}_API_URL: tei needs the address of its server"));
        }
        Some(url) if !(url.starts_with("http://") || url.starts_with("https://")) => {
            problems.push(format!("{group}_API_URL: begins with neither http:// nor https://"));
        }
        Some(url) if url.contains(['@', '?', '#']) => {
            problems.push(format!(
                "{group}_API_URL: must not hold a user, a password or a `?` part; a key goes into {group}_API_KEY"
            ));
        }
        None | Some(_) => {}
    }
    let hosted = matches!(provider, Some(Provider::OpenAi | Provider::Cohere));
    if hosted && url.is_none() && !has_key {
        problems.push(format!("{group}_API_KEY: this provider needs one; or set {group}_API_URL to your own server"));
    }
    problems
}
