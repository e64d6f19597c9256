//! Reading settings: the only place that looks at the environment.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use semantik_core::collection::Quantization;

use crate::{Config, Device};

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
    r.set("SHUTDOWN_TIMEOUT_SECS", &mut c.server.shutdown_timeout_s);
    r.set("CELERY_CONCURRENCY", &mut c.max_concurrent_jobs);
    r.set("MAX_CONCURRENT_JOBS", &mut c.max_concurrent_jobs);
    r.set("DEFAULT_EMBEDDING_MODEL", &mut c.embedding.model);
    r.set("HF_CACHE_DIR", &mut c.embedding.cache_dir);
    r.flag("HF_HUB_OFFLINE", &mut c.embedding.offline);
    r.set("HF_ENDPOINT", &mut c.embedding.hub);
    r.flag("USE_MOCK_EMBEDDINGS", &mut c.embedding.mock);
    r.set("MODEL_UNLOAD_AFTER_SECONDS", &mut c.embedding.unload_after_s);
    r.set("EMBEDDING_DEVICE", &mut c.embedding.device);
    r.set("EMBEDDING_THREADS", &mut c.embedding.threads);
    r.set("DEFAULT_QUANTIZATION", &mut c.embedding.quantization);
    r.set("BATCH_SIZE", &mut c.embedding.batch_size);
    r.set("MAX_FILE_SIZE_MB", &mut c.extract.max_file_mb);
    r.set("EXTRACT_MEMORY_MB", &mut c.extract.memory_mb);
    r.set("EXTRACT_TIMEOUT_SECS", &mut c.extract.timeout_s);
    r.set("EXTRACT_MAX_OUTPUT_MB", &mut c.extract.max_output_mb);
    r.set("EXTRACT_MAX_MEMBERS", &mut c.extract.max_members);
    r.set("EXTRACT_WORKERS", &mut c.extract.workers);
    c
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
        assert_eq!(device(""), Ok(Device::Auto));
        assert_eq!(device("CUDA"), Ok(Device::Cuda));
        assert_eq!(device("cpu"), Ok(Device::Cpu));
        assert!(device("rocm").is_err_and(|error| error.to_string().contains("one of auto, cpu, cuda")));
    }

    #[test]
    fn a_container_host_name_is_not_a_bind_address() {
        let bind = |host| load(&[("HOSTNAME", host)]).expect("valid").server.bind.ip().to_string();
        assert_eq!(bind("web-7f9c"), "127.0.0.1");
        assert_eq!(bind("0.0.0.0"), "0.0.0.0");
    }
}
