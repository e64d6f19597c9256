//! What every command gets: the settings (environment, then flags over it) and the output.

use semantik_config::Config;
use semantik_core::ErrorCode;

use crate::cli::Global;
use crate::client::Client;
use crate::error::CliError;
use crate::output::Output;

/// Settings and output of one run.
pub struct Context {
    pub config: Config,
    pub out: Output,
    /// The command as a person would name it, for the lock's message.
    pub command: String,
}

impl Context {
    /// Reads the environment and lays the flags over it.
    pub fn new(global: &Global, command: &str) -> Result<Self, CliError> {
        let mut config =
            semantik_config::from_environment().map_err(|e| CliError::new(ErrorCode::InvalidConfig, e.to_string()))?;
        if let Some(dir) = &global.data_dir {
            let models_follow = config.embedding.cache_dir == config.data_dir.join("models");
            config.data_dir.clone_from(dir);
            if models_follow {
                config.embedding.cache_dir = dir.join("models");
            }
        }
        if let Some(dir) = &global.model_cache {
            config.embedding.cache_dir.clone_from(dir);
        }
        // A server started elsewhere must read the same folder, whatever its working folder is.
        config.data_dir = absolute(&config.data_dir);
        config.embedding.cache_dir = absolute(&config.embedding.cache_dir);
        let out = Output::new(global.json, global.quiet, global.no_color);
        Ok(Self { config, out, command: format!("semantik {command}") })
    }

    /// The API: of the running server, or of this process.
    pub async fn client(&self) -> Result<Client, CliError> {
        Client::connect(&self.config, &self.command).await
    }
}

/// The path from the root on; kept as it is where that cannot be told.
pub fn absolute(path: &std::path::Path) -> std::path::PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
