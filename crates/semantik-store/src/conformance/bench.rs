//! A fresh engine with one collection and what cases do again and again.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use semantik_core::chunk::{Chunk, ChunkSettings};
use semantik_core::collection::{Collection, CollectionStatus, Dataset, Index, IndexStatus, Quantization};
use semantik_core::document::DocumentStatus;
use semantik_core::id::{ChunkId, CollectionId, DatasetId, DocumentId, IndexId, JobId, OperationId, SourceId, UserId};
use semantik_core::job::{ClaimedJob, JobFailure, JobQueue, NewJob};
use semantik_core::operation::OperationKind;
use semantik_core::source::{DirectorySource, Source, SourceConfig};
use semantik_core::{Clock, ErrorCode, Timestamp};

use crate::{Commit, DocumentChange, Ended, JobOutcome, NewDocument, Store, StoreError};

/// A clock a case moves by hand.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    pub fn advance(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.0.load(Ordering::SeqCst)
    }
}

/// An open engine with one collection, dataset, index and source.
pub struct Bench {
    pub url: String,
    pub clock: Arc<ManualClock>,
    pub store: Arc<dyn Store>,
    pub collection: CollectionId,
    pub dataset: DatasetId,
    pub source: SourceId,
}

impl Bench {
    /// # Errors
    /// Whatever the engine says.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        let clock = Arc::new(ManualClock(AtomicI64::new(1_700_000_000_000)));
        let store = crate::open(url, clock.clone()).await?;
        let (collection, dataset, source) = (CollectionId::generate(), DatasetId::generate(), SourceId::generate());
        let now = clock.now();
        store
            .create_collection(
                Collection {
                    id: collection,
                    owner: UserId::LOCAL_OWNER,
                    name: "papers".into(),
                    description: String::new(),
                    tags: vec!["a".into()],
                    status: CollectionStatus::Ready,
                    created_at: now,
                    updated_at: now,
                },
                Dataset {
                    id: dataset,
                    collection,
                    name: "default".into(),
                    chunking: ChunkSettings::default(),
                    created_at: now,
                },
                Index {
                    id: IndexId::generate(),
                    dataset,
                    collection,
                    model: "m".into(),
                    model_hash: "h".into(),
                    quantization: Quantization::Int8,
                    recipe: "mean \"\"".into(),
                    dimensions: 384,
                    generation: 1,
                    status: IndexStatus::Ready,
                    created_at: now,
                },
            )
            .await?;
        let config = DirectorySource { path: "/data".into(), include: vec![], exclude: vec![], hidden: false };
        let config = SourceConfig::Directory(config);
        store
            .create_source(Source {
                id: source,
                collection,
                config,
                last_scan_at: None,
                last_error: None,
                created_at: now,
            })
            .await?;
        Ok(Self { url: url.to_owned(), clock, store, collection, dataset, source })
    }

    pub(super) fn new_document(&self, uri: &str) -> NewDocument {
        NewDocument {
            id: DocumentId::generate(),
            collection: self.collection,
            source: self.source,
            parent: None,
            uri: uri.into(),
            name: uri.into(),
            size: 10,
            modified_at: Some(5),
            content_hash: None,
            tags: vec![],
            status: DocumentStatus::Pending,
            reason: None,
        }
    }

    pub(super) async fn document(&self, uri: &str) -> Result<DocumentId, StoreError> {
        let document = self.new_document(uri);
        let id = document.id;
        self.store.commit(Commit { new_documents: vec![document], ..Commit::default() }).await?;
        Ok(id)
    }

    pub(super) fn job(&self, operation: OperationId, queue: JobQueue, key: &str) -> NewJob {
        let payload = serde_json::json!({ "v": 1 });
        NewJob {
            id: JobId::generate(),
            operation,
            collection: self.collection,
            queue,
            name: "work",
            key: key.into(),
            payload,
            priority: 0,
        }
    }

    pub(super) fn job_for(&self, operation: OperationId, document: DocumentId) -> NewJob {
        let payload = serde_json::json!({ "v": 1, "document": document });
        NewJob { payload, ..self.job(operation, JobQueue::Extract, &document.to_string()) }
    }

    /// An operation with `jobs` jobs on the extract queue.
    pub(super) async fn operation(&self, jobs: usize) -> Result<OperationId, StoreError> {
        let id = OperationId::generate();
        let jobs = (0..jobs).map(|n| self.job(id, JobQueue::Extract, &n.to_string())).collect();
        self.store.create_operation(id, OperationKind::Index, self.collection, jobs).await?;
        Ok(id)
    }

    pub(super) async fn claim(&self, limit: usize) -> Result<Vec<ClaimedJob>, StoreError> {
        self.store.claim(JobQueue::Extract, "worker", limit).await
    }

    pub(super) async fn claim_one(&self) -> Result<ClaimedJob, StoreError> {
        Ok(self.claim(1).await?.pop().expect("a runnable job"))
    }

    pub(super) async fn end(&self, job: &ClaimedJob, outcome: JobOutcome) -> Result<(), StoreError> {
        self.store.commit(ending(job, outcome)).await
    }

    pub(super) fn chunk(&self, document: DocumentId, ordinal: u32, text: &str) -> Chunk {
        Chunk {
            id: ChunkId::derive(self.dataset, document, None, text, ordinal),
            collection: self.collection,
            dataset: self.dataset,
            document,
            ordinal,
            text: text.into(),
            start: 0,
            end: text.len(),
            overlap: 0,
            page: Some(1),
            context: None,
            token_count: 3,
            indexed: false,
        }
    }
}

pub(super) fn ending(job: &ClaimedJob, outcome: JobOutcome) -> Commit {
    Commit { ended: vec![Ended { id: job.id, token: job.token, outcome }], ..Commit::default() }
}

pub(super) fn failure(permanent: bool) -> JobOutcome {
    JobOutcome::Failed(JobFailure { code: ErrorCode::DocumentBroken, message: "broken".into(), permanent })
}

pub(super) fn extracted(id: DocumentId, mime: &str) -> DocumentChange {
    DocumentChange::Extracted {
        id,
        content_hash: "hash".into(),
        size: 10,
        modified_at: Some(5),
        mime: mime.into(),
        title: None,
        language: None,
        pages: vec![],
    }
}
