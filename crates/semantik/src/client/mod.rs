//! The HTTP API as a function call. Every command speaks it (ADR 0004); where it answers is decided
//! here: at the server that holds the data folder, or inside this process.

mod local;
mod remote;

use std::time::Duration;

pub use axum::http::Method;
use semantik_config::Config;
use semantik_core::ErrorCode;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::data_folder::{self, DataFolder, Taken};
use crate::error::CliError;
pub use local::Local;
pub use remote::Remote;

/// Prefix of the versioned API.
pub const API: &str = "/api/v2";

/// How often a folder that is held without an address is looked at again.
const RETRIES: u32 = 10;
const RETRY_AFTER: Duration = Duration::from_millis(200);

/// A way to the API.
pub enum Client {
    Remote(Remote),
    Local(Box<Local>),
}

impl Client {
    /// Finds the server of the data folder, or opens the folder in this process.
    pub async fn connect(config: &Config, command: &str) -> Result<Self, CliError> {
        let mut attempt = 0;
        loop {
            let holder = match DataFolder::take(&config.data_dir, command)? {
                Taken::Mine(folder) => return Ok(Self::Local(Box::new(Local::open(config, folder).await?))),
                Taken::Busy(holder) => holder,
            };
            if let Some(address) = data_folder::served_at(&config.data_dir) {
                return Ok(Self::Remote(Remote::new(&address)?));
            }
            let server = holder.as_ref().is_some_and(|h| h.command == "semantik serve");
            if attempt == RETRIES || (!server && attempt > 2) {
                return Err(data_folder::busy(&config.data_dir, holder.as_ref(), None));
            }
            attempt += 1;
            tokio::time::sleep(RETRY_AFTER).await;
        }
    }

    /// Calls the API and reads its answer. `path` begins with `/`; what is not `/api`, `/metrics`
    /// or a probe is below [`API`].
    pub async fn request<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<T, CliError> {
        let (status, answer) = match self {
            Self::Remote(remote) => remote.send(method, path, body).await?,
            Self::Local(local) => local.send(method, path, body).await?,
        };
        let value: Value =
            if answer.is_empty() { Value::Null } else { serde_json::from_slice(&answer).unwrap_or(Value::Null) };
        if !(200..300).contains(&status) {
            return Err(CliError::from_answer(status, &value));
        }
        serde_json::from_value(value).map_err(|e| {
            CliError::internal(format!(
                "the answer of {path} cannot be read ({e}); server and command may be of different versions"
            ))
        })
    }

    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, CliError> {
        self.request(Method::GET, &format!("{API}{path}"), None).await
    }

    pub async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, CliError> {
        let body = serde_json::to_value(body).map_err(CliError::internal)?;
        self.request(Method::POST, &format!("{API}{path}"), Some(&body)).await
    }

    pub async fn delete<T: DeserializeOwned>(&self, path: &str) -> Result<T, CliError> {
        self.request(Method::DELETE, &format!("{API}{path}"), None).await
    }

    /// Whether the work happens in this process, so that leaving ends it.
    pub fn is_local(&self) -> bool {
        matches!(self, Self::Local(_))
    }

    /// Lets the work in this process come to a clean stop.
    pub async fn close(self) {
        match self {
            Self::Remote(_) => {}
            Self::Local(local) => local.close().await,
        }
    }
}

/// A text as one component of a path or a query value.
pub fn encode(text: &str) -> String {
    text.bytes()
        .map(|b| match b {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(b).to_string(),
            _ => format!("%{b:02X}"),
        })
        .collect()
}

/// The error for a server that does not answer, with the innermost cause.
fn unreachable(url: &str, error: &dyn std::error::Error) -> CliError {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    CliError::new(ErrorCode::StoreUnavailable, format!("no server answers at {url}: {cause}"))
        .hint("start it with `semantik serve`; if it is starting or stopping, try again in a moment")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_slashes_and_umlauts_is_one_path_component() {
        assert_eq!(encode("a b/c?ü"), "a%20b%2Fc%3F%C3%BC");
    }
}
