//! A remote model that was down when Semantik started.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

use crate::cancel::leave_on;
use crate::remote::embedder::{RemoteEmbedder, info};
use crate::remote::exchange::Exchange;
use crate::remote::service::Service;
use crate::remote::tokens::Estimate;
use crate::remote::{RemoteOptions, open};
use crate::{Embedder, InferenceError, ModelInfo, Purpose, TokenCounter};

/// Connects with the first use for which the server is there, with everything that is checked then.
pub(super) struct LateEmbedder {
    options: RemoteOptions,
    /// What is known without the server.
    assumed: ModelInfo,
    /// Asks whether it is there; its breaker sees to it that not everybody waits for it.
    first: Service,
    made: OnceCell<RemoteEmbedder>,
}

impl LateEmbedder {
    /// Nothing is sent.
    ///
    /// # Errors
    /// [`InferenceError::Settings`].
    pub fn new(options: RemoteOptions, dimensions: usize) -> Result<Self, InferenceError> {
        let options = RemoteOptions { dimensions: Some(dimensions), ..options };
        let address = open::address(&options)?;
        let first = Service::new(&options, Exchange::new(&options, address.clone())?);
        Ok(Self { assumed: info(&options, &address, dimensions), first, made: OnceCell::new(), options })
    }

    async fn made(&self) -> Result<&RemoteEmbedder, InferenceError> {
        self.made.get_or_try_init(|| RemoteEmbedder::meet(self.options.clone(), &self.first)).await
    }
}

#[async_trait]
impl Embedder for LateEmbedder {
    fn info(&self) -> &ModelInfo {
        self.made.get().map_or(&self.assumed, Embedder::info)
    }

    async fn identify(&self) -> Result<&ModelInfo, InferenceError> {
        self.made().await?.identify().await
    }

    async fn embed(
        &self,
        texts: Vec<String>,
        purpose: Purpose,
        cancel: &CancellationToken,
    ) -> Result<Vec<Vec<f32>>, InferenceError> {
        leave_on(cancel, self.made()).await?.embed(texts, purpose, cancel).await
    }

    fn variant(&self) -> &str {
        self.made.get().map_or("", Embedder::variant)
    }

    fn tokens(&self) -> Arc<dyn TokenCounter> {
        Arc::new(Estimate)
    }
}
