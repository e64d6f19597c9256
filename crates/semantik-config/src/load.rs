//! Reading settings: the only place that looks at the environment.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use semantik_core::collection::Quantization;
use semantik_core::{Provider, Secret};

use crate::{Config, Device, VecpipeConfig};

/// Every problem found, at once.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the configuration cannot be used:\n  - {}", .0.join("\n  - "))]
pub struct ConfigError(pub Vec<String>);

/// Settings from the process environment over the defaults.
///
/// # Errors
/// [`ConfigError`] with every problem.
pub fn from_environment() -> Result<Config, ConfigError> {
    let map = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    from_map(&map)
}

/// Settings from a map of names to texts over the defaults. Unknown names are not ours to judge.
///
/// # Errors
/// [`ConfigError`] with every problem.
pub fn from_map(map: &BTreeMap<String, String>) -> Result<Config, ConfigError> {
    let mut reader = Reader { map, problems: Vec::new() };
    let config = read(&mut reader);
    let mut problems = reader.problems;
    problems.extend(config.check());
    if problems.is_empty() { Ok(config) } else { Err(ConfigError(problems)) }
}

fn read(r: &mut Reader<'_>) -> Config {
    let mut c = Config::default();
    r.set("SEMANTIK_DATA_DIR", &mut c.data_dir);
    c.embedding.cache_dir = c.data_dir.join("models");
    if let Some(url) = r.text("DATABASE_URL") {
        c.database_url = Some(url.to_owned());
    }
    if let Some(level) = r.text("LOG_LEVEL") {
        c.log_level = level.to_ascii_uppercase();
    }
    match r.text("LOG_FORMAT") {
        None | Some("text") => {}
        Some("json") => c.log_json = true,
        Some(other) => r.problems.push(format!("LOG_FORMAT: `{other}` is not one of text, json")),
    }
    // Containers inject HOSTNAME with a name; it only counts when it is an address (R096).
    let mut ip: IpAddr = c.server.bind.ip();
    let mut port = c.server.bind.port();
    if let Some(host) = r.text("HOSTNAME").and_then(|h| h.parse().ok()) {
        ip = host;
    }
    if let Some(text) = r.text("BIND_ADDRESS") {
        match (text.parse::<SocketAddr>(), text.parse::<IpAddr>()) {
            (Ok(address), _) => (ip, port) = (address.ip(), address.port()),
            (_, Ok(address)) => ip = address,
            _ => {
                r.problems.push(format!("BIND_ADDRESS: `{text}` is not an address such as 127.0.0.1 or 127.0.0.1:8080"))
            }
        }
    }
    r.set("WEBUI_PORT", &mut port);
    c.server.bind = SocketAddr::new(ip, port);
    read_vecpipe(r, ip, &mut c.vecpipe);
    r.set("SHUTDOWN_TIMEOUT_SECS", &mut c.server.shutdown_timeout_s);
    r.set("CELERY_CONCURRENCY", &mut c.max_concurrent_jobs);
    r.set("MAX_CONCURRENT_JOBS", &mut c.max_concurrent_jobs);
    r.set("DEFAULT_EMBEDDING_MODEL", &mut c.embedding.model);
    r.provider("EMBEDDING_PROVIDER", &mut c.embedding.provider);
    c.embedding.api_url = r.text("EMBEDDING_API_URL").map(str::to_owned);
    c.embedding.api_key = r.secret("EMBEDDING_API_KEY", "EMBEDDING_API_KEY_FILE");
    r.optional("EMBEDDING_DIMENSIONS", &mut c.embedding.dimensions);
    // Blanks and an empty text count in these two.
    c.embedding.query_prefix = r.map.get("EMBEDDING_QUERY_PREFIX").cloned();
    c.embedding.passage_prefix = r.map.get("EMBEDDING_PASSAGE_PREFIX").cloned();
    c.rerank.model = r.text("RERANK_MODEL").map(str::to_owned);
    r.provider("RERANK_PROVIDER", &mut c.rerank.provider);
    c.rerank.api_url = r.text("RERANK_API_URL").map(str::to_owned);
    c.rerank.api_key = r.secret("RERANK_API_KEY", "RERANK_API_KEY_FILE");
    r.set("HF_CACHE_DIR", &mut c.embedding.cache_dir);
    r.flag("HF_HUB_OFFLINE", &mut c.embedding.offline);
    r.set("HF_ENDPOINT", &mut c.embedding.hub);
    r.flag("USE_MOCK_EMBEDDINGS", &mut c.embedding.mock);
    r.set("MODEL_UNLOAD_AFTER_SECONDS", &mut c.embedding.unload_after_s);
    r.set("EMBEDDING_DEVICE", &mut c.embedding.device);
    r.set("MODEL_MEMORY_MB", &mut c.embedding.memory_mb);
    r.set("EMBEDDING_THREADS", &mut c.embedding.threads);
    r.set("DEFAULT_QUANTIZATION", &mut c.embedding.quantization);
    r.set("BATCH_SIZE", &mut c.embedding.batch_size);
    r.set("EMBEDDING_CACHE_MB", &mut c.embedding.cache_mb);
    r.set("QUERY_CACHE_MB", &mut c.embedding.query_cache_mb);
    r.set("MAX_FILE_SIZE_MB", &mut c.extract.max_file_mb);
    r.set("EXTRACT_MEMORY_MB", &mut c.extract.memory_mb);
    r.set("EXTRACT_TIMEOUT_SECS", &mut c.extract.timeout_s);
    r.set("EXTRACT_MAX_OUTPUT_MB", &mut c.extract.max_output_mb);
    r.set("EXTRACT_MAX_MEMBERS", &mut c.extract.max_members);
    r.set("EXTRACT_WORKERS", &mut c.extract.workers);
    c
}

fn read_vecpipe(r: &mut Reader<'_>, ip: IpAddr, c: &mut VecpipeConfig) {
    let mut port = c.bind.port();
    r.set("VECPIPE_PORT", &mut port);
    c.bind = SocketAddr::new(ip, port);
    // An empty text counts here: it switches the port off.
    match r.map.get("METRICS_PORT").map(|text| text.trim()) {
        None => {}
        Some("") => c.metrics_port = None,
        Some(_) => {
            let mut port = 0;
            r.set("METRICS_PORT", &mut port);
            c.metrics_port = (port != 0).then_some(port);
        }
    }
    c.internal_api_key = r.secret("INTERNAL_API_KEY", "INTERNAL_API_KEY_FILE");
}

struct Reader<'a> {
    map: &'a BTreeMap<String, String>,
    problems: Vec<String>,
}

impl<'a> Reader<'a> {
    fn text(&self, name: &str) -> Option<&'a str> {
        self.map.get(name).map(|v| v.trim()).filter(|v| !v.is_empty())
    }

    fn set<T: Setting>(&mut self, name: &str, slot: &mut T) {
        let Some(text) = self.text(name) else { return };
        match T::read(text) {
            Some(value) => *slot = value,
            None => self.problems.push(format!("{name}: `{text}` is not {}", T::WHAT)),
        }
    }

    /// The same for a value that may be missing.
    fn optional<T: Setting>(&mut self, name: &str, slot: &mut Option<T>) {
        let Some(text) = self.text(name) else { return };
        match T::read(text) {
            Some(value) => *slot = Some(value),
            None => self.problems.push(format!("{name}: `{text}` is not {}", T::WHAT)),
        }
    }

    /// Who computes; `local` is nobody else.
    fn provider(&mut self, name: &str, slot: &mut Option<Provider>) {
        if self.text(name) != Some("local") {
            self.optional(name, slot);
        }
    }

    /// A secret from a setting or from the file that another one names. No problem repeats it.
    fn secret(&mut self, name: &str, file_name: &str) -> Option<Secret> {
        let (direct, file) = (self.text(name), self.text(file_name));
        if direct.is_some() && file.is_some() {
            self.problems.push(format!("{name}: {file_name} is set as well; unset one of them"));
        }
        let Some(path) = file.filter(|_| direct.is_none()) else { return direct.map(|text| text.to_owned().into()) };
        match std::fs::read_to_string(path) {
            Ok(text) if !text.trim().is_empty() => Some(text.trim().to_owned().into()),
            Ok(_) => {
                self.problems.push(format!("{file_name}: {path} is empty"));
                None
            }
            Err(error) => {
                self.problems.push(format!("{file_name}: {path} cannot be read: {error}"));
                None
            }
        }
    }

    fn flag(&mut self, name: &str, slot: &mut bool) {
        let Some(text) = self.text(name) else { return };
        match text.to_ascii_lowercase().as_str() {
            "1" | "true" | "yes" | "on" => *slot = true,
            "0" | "false" | "no" | "off" => *slot = false,
            _ => self.problems.push(format!("{name}: `{text}` is not true or false")),
        }
    }
}

/// A type a setting's text can become.
trait Setting: Sized {
    const WHAT: &'static str;
    fn read(text: &str) -> Option<Self>;
}

macro_rules! numbers {
    ($($number:ty),+) => {$(
        impl Setting for $number {
            const WHAT: &'static str = "a whole number in range";
            fn read(text: &str) -> Option<Self> {
                <$number>::from_str(text).ok()
            }
        }
    )+};
}
numbers!(u16, u64, usize);

impl Setting for PathBuf {
    const WHAT: &'static str = "a path";
    fn read(text: &str) -> Option<Self> {
        Some(PathBuf::from(text))
    }
}

impl Setting for String {
    const WHAT: &'static str = "a text";
    fn read(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }
}

impl Setting for Provider {
    const WHAT: &'static str = "one of local, openai, cohere, tei, ollama";
    fn read(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl Setting for Quantization {
    const WHAT: &'static str = "one of float32, float16, int8";
    fn read(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl Setting for Device {
    const WHAT: &'static str = "one of auto, cpu, cuda";
    fn read(text: &str) -> Option<Self> {
        match text.to_ascii_lowercase().as_str() {
            "auto" => Some(Self::Auto),
            "cpu" => Some(Self::Cpu),
            "cuda" => Some(Self::Cuda),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(pairs: &[(&str, &str)]) -> Result<Config, ConfigError> {
        from_map(&pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect())
    }

    #[test]
    fn nothing_set_is_usable() {
        let config = load(&[]).expect("defaults are valid");
        assert_eq!(config.server.bind.to_string(), "127.0.0.1:8080");
        assert_eq!(config.store_url(), "sqlite:./data/semantik.db");
    }

    #[test]
    fn every_problem_is_told_at_once() {
        let error =
            load(&[("WEBUI_PORT", "many"), ("LOG_LEVEL", "loud"), ("BATCH_SIZE", "0"), ("HF_HUB_OFFLINE", "maybe")])
                .expect_err("four wrong settings");
        assert_eq!(error.0.len(), 4, "{error}");
    }

    #[test]
    fn a_device_is_one_of_three() {
        let device = |text| load(&[("EMBEDDING_DEVICE", text)]).map(|config| config.embedding.device);
        assert_eq!(device(""), Ok(Device::Cpu));
        assert_eq!(device("auto"), Ok(Device::Auto));
        assert_eq!(device("CUDA"), Ok(Device::Cuda));
        assert_eq!(device("cpu"), Ok(Device::Cpu));
        assert!(device("rocm").is_err_and(|error| error.to_string().contains("one of auto, cpu, cuda")));
    }

    #[test]
    fn a_remote_provider_is_read_and_its_key_never_shown() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("key");
        std::fs::write(&file, "sk-hunter2\n").expect("a writable folder");
        let file = file.to_str().expect("a plain path");
        for key in [("EMBEDDING_API_KEY", "sk-hunter2"), ("EMBEDDING_API_KEY_FILE", file)] {
            let config =
                load(&[("EMBEDDING_PROVIDER", "openai"), ("EMBEDDING_DIMENSIONS", "256"), key]).expect("valid");
            let embedding = &config.embedding;
            assert_eq!((embedding.provider, embedding.dimensions), (Some(Provider::OpenAi), Some(256)));
            assert_eq!(embedding.api_key.as_ref().map(Secret::expose), Some("sk-hunter2"));
            assert!(!format!("{config:?}").contains("hunter2"));
        }
        assert_eq!(load(&[("EMBEDDING_PROVIDER", "local")]).expect("valid").embedding.provider, None);
    }

    #[test]
    fn prefixes_keep_their_blanks_and_may_be_empty() {
        let load = |pairs: &[(&str, &str)]| load(pairs).expect("valid").embedding;
        assert_eq!(load(&[]).query_prefix, None);
        let embedding = load(&[("EMBEDDING_QUERY_PREFIX", "query: "), ("EMBEDDING_PASSAGE_PREFIX", "")]);
        assert_eq!(
            (embedding.query_prefix.as_deref(), embedding.passage_prefix.as_deref()),
            (Some("query: "), Some(""))
        );
    }

    #[test]
    fn a_remote_reranker_is_read_and_checked() {
        let settings = [("RERANK_PROVIDER", "tei"), ("RERANK_API_URL", "http://gpu:80"), ("RERANK_MODEL", "org/judge")];
        let rerank = load(&settings).expect("valid").rerank;
        assert_eq!((rerank.provider, rerank.model.as_deref()), (Some(Provider::Tei), Some("org/judge")));
        assert_eq!(load(&[("RERANK_PROVIDER", "local")]).expect("valid").rerank.provider, None);
        for settings in [
            [("RERANK_PROVIDER", "ollama"), ("RERANK_MODEL", "hunter2")],
            [("RERANK_PROVIDER", "tei"), ("RERANK_MODEL", "hunter2")],
            [("RERANK_PROVIDER", "cohere"), ("RERANK_API_KEY", "hunter2")],
            [("RERANK_MODEL", "org/judge"), ("RERANK_API_URL", "https://me:hunter2@example.com/v1")],
        ] {
            let error = load(&settings).expect_err("a wrong setting").to_string();
            assert!(error.contains("RERANK_") && !error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn wrong_settings_of_a_provider_are_told_without_secrets() {
        for settings in [
            [("EMBEDDING_PROVIDER", "openai"), ("EMBEDDING_API_URL", "https://me:hunter2@example.com/v1")],
            [("EMBEDDING_PROVIDER", "openai"), ("EMBEDDING_API_URL", "https://example.com/v1?key=hunter2")],
            [("EMBEDDING_PROVIDER", "tei"), ("EMBEDDING_API_KEY", "hunter2")],
            [("EMBEDDING_PROVIDER", "openai"), ("EMBEDDING_API_KEY_FILE", "no/such/file")],
            [("EMBEDDING_PROVIDER", "cohere"), ("EMBEDDING_DIMENSIONS", "256")],
            [("EMBEDDING_API_KEY_FILE", "no/such/file"), ("EMBEDDING_API_KEY", "hunter2")],
            [("EMBEDDING_PROVIDER", "nobody"), ("EMBEDDING_API_KEY", "hunter2")],
            [("EMBEDDING_PROVIDER", "ollama"), ("EMBEDDING_DIMENSIONS", "0")],
        ] {
            let error = load(&settings).expect_err("a wrong setting").to_string();
            assert!(error.contains("EMBEDDING_") && !error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn a_container_host_name_is_not_a_bind_address() {
        let bind = |host| load(&[("HOSTNAME", host)]).expect("valid").server.bind.ip().to_string();
        assert_eq!(bind("web-7f9c"), "127.0.0.1");
        assert_eq!(bind("0.0.0.0"), "0.0.0.0");
    }

    #[test]
    fn the_metrics_port_can_be_moved_and_switched_off() {
        let port = |pairs: &[(&str, &str)]| load(pairs).expect("valid").vecpipe.metrics_port;
        assert_eq!(port(&[]), Some(9091));
        assert_eq!(port(&[("METRICS_PORT", "9092")]), Some(9092));
        assert_eq!(port(&[("METRICS_PORT", "0")]), None);
        assert_eq!(port(&[("METRICS_PORT", "")]), None);
        assert!(load(&[("METRICS_PORT", "many")]).is_err());
    }

    #[test]
    fn a_secret_may_lie_in_a_file_and_is_never_shown() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("key");
        std::fs::write(&path, "0123456789abcdef\n").expect("writable");
        let path = path.to_str().expect("a plain path");
        let config = load(&[("INTERNAL_API_KEY_FILE", path)]).expect("valid");
        let key = config.vecpipe.internal_api_key.as_ref().expect("a key");
        assert_eq!(key.expose(), "0123456789abcdef");
        assert!(!format!("{config:?}").contains("0123456789abcdef"));
        assert!(load(&[("INTERNAL_API_KEY", "0123456789abcdef"), ("INTERNAL_API_KEY_FILE", path)]).is_err());
        assert!(load(&[("INTERNAL_API_KEY_FILE", "/does/not/exist")]).is_err());
        let short = load(&[("INTERNAL_API_KEY", "hunter2")]).expect_err("too short");
        assert!(!short.to_string().contains("hunter2"), "{short}");
    }
}
