//! A service on a data folder of its own.

use axum::Router;
use axum::body::Body;
use axum::http::{Request, header};
use semantik_app::vecpipe::Vecpipe;
use semantik_config::Config;
use semantik_core::Secret;
use serde_json::Value;
use tempfile::TempDir;
use tower::ServiceExt;

use crate::tests::Answer;
use crate::{VecpipeOptions, vecpipe_router};

pub(super) struct Service {
    router: Router,
    pub(super) vecpipe: Vecpipe,
    _folder: TempDir,
}

impl Service {
    /// With mock models, of which every name is one.
    pub(super) async fn new() -> Self {
        let mut config = Config::default();
        config.embedding.mock = true;
        config.rerank.model = Some("mock".into());
        Self::with(config).await
    }

    pub(super) async fn with(mut config: Config) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        config.data_dir = folder.path().to_owned();
        let vecpipe = Vecpipe::open(&config).await.expect("a fresh folder opens");
        let bind = "127.0.0.1:8000".parse().expect("an address");
        let key = config.vecpipe.internal_api_key;
        let router = vecpipe_router(vecpipe.clone(), VecpipeOptions { bind, key });
        Self { router, vecpipe, _folder: folder }
    }

    pub(super) async fn with_key(key: &str) -> Self {
        let mut config = Config::default();
        config.embedding.mock = true;
        config.vecpipe.internal_api_key = Some(Secret::from(key.to_owned()));
        Self::with(config).await
    }

    pub(super) async fn send(&self, request: Request<Body>) -> Answer {
        Answer::of(self.router.clone().oneshot(request).await.expect("the router always answers")).await
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        self.send(request("GET", path).body(Body::empty()).expect("a request")).await
    }

    pub(super) async fn post(&self, path: &str, body: Value) -> Answer {
        self.post_bytes(path, body.to_string()).await
    }

    pub(super) async fn post_bytes(&self, path: &str, body: impl Into<Body>) -> Answer {
        self.send(request("POST", path).body(body.into()).expect("a request")).await
    }
}

/// A request of this machine.
pub(super) fn request(method: &str, path: &str) -> axum::http::request::Builder {
    Request::builder().method(method).uri(path).header(header::HOST, "localhost:8000")
}

/// A vector in an answer.
#[expect(clippy::cast_possible_truncation, reason = "it was written from floats of this size")]
pub(super) fn vector(value: &Value) -> Vec<f32> {
    let numbers = value.as_array().unwrap_or_else(|| panic!("no list: {value}"));
    numbers.iter().map(|number| number.as_f64().expect("a number") as f32).collect()
}
