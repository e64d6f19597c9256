//! From settings to an embedder.

use std::sync::Arc;

use semantik_config::{EmbeddingConfig, RerankConfig};
use semantik_core::Provider;

use crate::remote::address::Address;
use crate::remote::late::LateEmbedder;
use crate::remote::service::Service;
use crate::remote::{RemoteEmbedder, RemoteOptions, RemoteReranker, wire};
use crate::{Embedder, InferenceError, ModelKind, Purpose, Reranker};

/// Bytes of what a server tells about itself.
const INFO_BYTES: usize = 64 * 1024;

/// The embedder that the settings name, checked. When the server is down and `EMBEDDING_DIMENSIONS`
/// is set, it is checked when the server is back: work waits until then.
///
/// # Errors
/// What is wrong, and what to set.
pub async fn open(provider: Provider, settings: &EmbeddingConfig) -> Result<Arc<dyn Embedder>, InferenceError> {
    let options = RemoteOptions::of(provider, settings);
    match (RemoteEmbedder::connect(options.clone()).await, settings.dimensions) {
        (Err(error), Some(dimensions)) if error.is_temporary() => {
            tracing::warn!(%error, "starting without the remote embedder");
            Ok(Arc::new(LateEmbedder::new(options, dimensions)?))
        }
        (made, _) => Ok(Arc::new(made?)),
    }
}

/// The reranker that the settings name, checked. When the server is down it is taken unchecked, and
/// searches say that they were not reranked.
///
/// # Errors
/// What is wrong, and what to set.
pub async fn open_reranker(
    provider: Provider,
    model: &str,
    settings: &RerankConfig,
) -> Result<Arc<dyn Reranker>, InferenceError> {
    let options = RemoteOptions::of_reranker(provider, model, settings);
    match RemoteReranker::connect(options.clone()).await {
        Err(error) if error.is_temporary() => {
            tracing::warn!(%error, "starting without the remote reranker");
            Ok(Arc::new(RemoteReranker::new_unchecked(options)?))
        }
        made => Ok(Arc::new(made?)),
    }
}

/// The checked address of a model.
///
/// # Errors
/// [`InferenceError::Settings`].
pub(crate) fn address(options: &RemoteOptions) -> Result<Address, InferenceError> {
    if options.model.trim().is_empty() {
        return Err(InferenceError::Settings(format!(
            "a remote model needs a name; set {}",
            options.kind.name_setting()
        )));
    }
    if options.dimensions == Some(0) {
        return Err(InferenceError::Settings("EMBEDDING_DIMENSIONS is at least 1".into()));
    }
    Address::read(options.kind, options.provider, options.base_url.as_deref())
}

/// Takes the limits of a text-embeddings-inference server and checks that it runs the right model.
///
/// # Errors
/// When it runs another, or none of this kind.
pub(crate) async fn learn(options: &mut RemoteOptions, service: &Service) -> Result<(), InferenceError> {
    let (kind, host) = (options.kind, service.link.host());
    let get = || service.exchange.get(wire::INFO, INFO_BYTES);
    let answer = service.link.call(Purpose::Query, get).await.map_err(|failed| service.told(failed))?;
    let info = wire::info(&answer.body).map_err(|why| InferenceError::BadAnswer { kind, host: host.into(), why })?;
    let has = |name: &str| info.model_type.contains_key(name);
    let fits = has(kind.as_str()) || (kind == ModelKind::Reranker && has("classifier"));
    if info.model_id != options.model || !fits {
        let kinds: Vec<&str> = info.model_type.keys().map(String::as_str).collect();
        let why = format!("it runs {} ({}), wanted is {}", info.model_id, kinds.join(", "), kind.as_str());
        return Err(InferenceError::UnknownModel { kind, host: host.into(), model: options.model.clone(), why });
    }
    options.batch_size = options.batch_size.or(Some(info.max_client_batch_size));
    options.batch_tokens = options.batch_tokens.or(Some(info.max_batch_tokens));
    options.max_tokens = options.max_tokens.or(Some(info.max_input_length));
    Ok(())
}
