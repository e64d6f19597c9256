//! The API inside this process: the same router, called without a socket.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, header};
use bytes::Bytes;
use semantik_app::{App, Workers};
use semantik_config::Config;
use serde_json::Value;
use tower::ServiceExt;

use crate::data_folder::DataFolder;
use crate::error::CliError;

/// Most bytes of an answer.
const ANSWER_BYTES: usize = 512 << 20;

/// The application in this process. The folder's lock is held as long as this lives.
pub struct Local {
    router: Router,
    workers: Workers,
    _folder: DataFolder,
}

impl Local {
    /// Opens the application and starts its workers.
    pub async fn open(config: &Config, folder: DataFolder) -> Result<Self, CliError> {
        let app = App::open(config).await?;
        let workers = app.start_workers().await?;
        let router = semantik_api::router(app, semantik_api::ApiOptions { bind: config.server.bind });
        Ok(Self { router, workers, _folder: folder })
    }

    /// Status and body.
    pub async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Result<(u16, Bytes), CliError> {
        let mut request = Request::builder().method(method).uri(path).header(header::HOST, "localhost");
        let body = match body {
            Some(body) => {
                request = request.header(header::CONTENT_TYPE, "application/json");
                Body::from(body.to_string())
            }
            None => Body::empty(),
        };
        let request = request.body(body).map_err(CliError::internal)?;
        let answer = match self.router.clone().oneshot(request).await {
            Ok(answer) => answer,
            Err(never) => match never {},
        };
        let status = answer.status().as_u16();
        let bytes = to_bytes(answer.into_body(), ANSWER_BYTES).await.map_err(CliError::internal)?;
        Ok((status, bytes))
    }

    /// Drains the workers, then lets the folder go.
    pub async fn close(self) {
        self.workers.stop().await;
    }
}
