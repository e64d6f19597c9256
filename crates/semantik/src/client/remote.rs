//! The API of the server that holds the data folder, over HTTP.

use axum::http::Method;
use bytes::Bytes;
use serde_json::Value;

use super::unreachable;
use crate::data_folder::ServeAddress;
use crate::error::CliError;

/// A running server.
pub struct Remote {
    http: reqwest::Client,
    url: String,
}

impl Remote {
    /// No request is made yet. Proxies are not asked: the server is on this machine.
    pub fn new(address: &ServeAddress) -> Result<Self, CliError> {
        let http = reqwest::Client::builder().no_proxy().build().map_err(CliError::internal)?;
        Ok(Self { http, url: address.url.trim_end_matches('/').to_owned() })
    }

    /// Status and body.
    pub async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Result<(u16, Bytes), CliError> {
        let mut request = self.http.request(method, format!("{}{path}", self.url));
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.map_err(|e| unreachable(&self.url, &e))?;
        let status = answer.status().as_u16();
        let bytes = answer.bytes().await.map_err(|e| unreachable(&self.url, &e))?;
        Ok((status, bytes))
    }

    pub fn url(&self) -> &str {
        &self.url
    }
}
