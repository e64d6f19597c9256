//! The use cases of Semantik: everything a person, the API or a schedule can ask for.
//!
//! Invariants:
//! - Every use case of [`App`] takes the [`Caller`] first: a right is a value one must hold.
//! - Rows are the truth. Index, blobs and events follow them and are repaired from them (`reconcile/`).
//! - A job may run twice, stop anywhere and run on another day; the rows end the same.
//!
//! This crate knows engines only by their traits, and nothing of HTTP.

mod caller;
mod collections;
mod doctor;
mod documents;
mod error;
mod jobs;
mod open;
mod operations;
mod points;
mod reconcile;
mod search;
mod sources;
pub mod vecpipe;

use std::sync::Arc;

use semantik_config::Config;
use semantik_core::Clock;
use semantik_index::IndexEngine;
use semantik_inference::{Embedder, Reranker};
use semantik_ingest::extract::ExtractorPool;
use semantik_store::{Blobs, Store};

pub use caller::Caller;
pub use collections::{CollectionPatch, CollectionSummary, FormatCount};
pub use doctor::{Check, Component, DoctorCounts, DoctorReport, Health, Problem, SystemInfo, try_extractor};
pub use documents::{DocumentQuery, Documents, Incoming, UPLOAD_FILES, Upload, UploadFile};
pub use error::AppError;
pub use jobs::Workers;
pub use open::QUEUE_TOKENS;
pub use operations::QueueView;

/// The engines an [`App`] runs on.
pub struct Parts {
    pub config: Config,
    pub clock: Arc<dyn Clock>,
    pub store: Arc<dyn Store>,
    pub blobs: Arc<dyn Blobs>,
    pub engine: Arc<dyn IndexEngine>,
    pub embedder: Arc<dyn Embedder>,
    /// Reads the best candidates of a search again, when one is set.
    pub reranker: Option<Arc<dyn Reranker>>,
    pub extractor: Arc<ExtractorPool>,
}

/// The product, ready for use. Cheap to clone.
#[derive(Clone)]
pub struct App {
    parts: Arc<Parts>,
    turns: Arc<points::Turns>,
}

impl App {
    /// An application on given engines.
    pub fn new(parts: Parts) -> Self {
        Self { parts: Arc::new(parts), turns: Arc::default() }
    }

    /// Starts the workers and the schedule; work goes on until [`Workers::stop`].
    ///
    /// # Errors
    /// When the store cannot give back what an earlier run left behind.
    pub async fn start_workers(&self) -> Result<Workers, AppError> {
        Workers::start(self.clone()).await
    }

    /// What changes from now on.
    pub fn changes(&self) -> tokio::sync::broadcast::Receiver<semantik_store::Change> {
        self.store().changes()
    }

    fn store(&self) -> &dyn Store {
        self.parts.store.as_ref()
    }

    fn blobs(&self) -> &dyn Blobs {
        self.parts.blobs.as_ref()
    }

    fn embedder(&self) -> &dyn Embedder {
        self.parts.embedder.as_ref()
    }

    fn reranker(&self) -> Option<&dyn Reranker> {
        self.parts.reranker.as_deref()
    }

    fn config(&self) -> &Config {
        &self.parts.config
    }

    fn now(&self) -> semantik_core::Timestamp {
        self.parts.clock.now()
    }
}
