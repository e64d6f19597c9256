//! Logs: text or JSON on stderr. `RUST_LOG` wins over `LOG_LEVEL` and `-v`.

use semantik_config::Config;
use tracing_subscriber::EnvFilter;

/// Which program is running: a server tells what it does, a command only what goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Server,
    Command,
}

/// Starts logging, once per process.
pub fn start(config: &Config, role: Role, verbose: u8) {
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new(directives(&config.log_level, role, verbose)));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second start (tests) keeps the first.
    let _ = if config.log_json { builder.json().try_init() } else { builder.with_ansi(false).try_init() };
}

fn directives(level: &str, role: Role, verbose: u8) -> String {
    let level = match (role, verbose) {
        (_, 2..) => "trace",
        (_, 1) => "debug",
        (Role::Command, 0) => "error",
        (Role::Server, 0) => match level {
            "DEBUG" => "debug",
            "WARNING" => "warn",
            "ERROR" => "error",
            _ => "info",
        },
    };
    // Engines below are chatty at info: they speak when asked by RUST_LOG.
    match level {
        "info" => "warn,semantik=info,semantik_api=info,semantik_app=info,semantik_store=info,semantik_index=info,semantik_inference=info,semantik_ingest=info".into(),
        "debug" | "trace" => format!("info,semantik={level},semantik_api={level},semantik_app={level},semantik_store={level},semantik_index={level},semantik_inference={level},semantik_ingest={level}"),
        _ => level.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_silent_and_a_server_is_not() {
        assert_eq!(directives("INFO", Role::Command, 0), "error");
        assert!(directives("INFO", Role::Server, 0).contains("semantik=info"));
        assert_eq!(directives("WARNING", Role::Server, 0), "warn");
        assert!(directives("INFO", Role::Command, 1).contains("semantik=debug"));
    }
}
