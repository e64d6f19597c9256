//! Collections, sources, documents, chunks, operations, and the transaction that joins them to jobs.

use std::collections::HashSet;

use async_trait::async_trait;
use semantik_core::Timestamp;
use semantik_core::chunk::Chunk;
use semantik_core::collection::{Collection, CollectionCounts, Dataset, Index};
use semantik_core::document::{Document, DocumentStatus, Page, Reason};
use semantik_core::id::{ChunkId, CollectionId, DatasetId, DocumentId, IndexId, OperationId, SourceId};
use semantik_core::job::{JobQueue, NewJob};
use semantik_core::operation::{Operation, OperationKind};
use semantik_core::search::Filter;
use semantik_core::source::Source;
use tokio::sync::broadcast;

use crate::{Ended, StoreError};

/// A document seen for the first time. Inserting an existing (source, uri) changes nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct NewDocument {
    pub id: DocumentId,
    pub collection: CollectionId,
    pub source: SourceId,
    pub parent: Option<DocumentId>,
    pub uri: String,
    pub name: String,
    pub size: u64,
    pub modified_at: Option<Timestamp>,
    /// Known for uploads and members, unknown for files until they are read.
    pub content_hash: Option<String>,
    pub tags: Vec<String>,
    pub status: DocumentStatus,
    pub reason: Option<Reason>,
}

/// A change to one document; each variant names a transition of its state machine.
#[derive(Debug, Clone, PartialEq)]
pub enum DocumentChange {
    /// Work has begun.
    Processing(DocumentId),
    /// Extraction and chunking are done: how it reads, and what it was read from. The document is
    /// completed once every chunk is indexed (at once when there is none to index).
    Extracted {
        id: DocumentId,
        content_hash: String,
        size: u64,
        modified_at: Option<Timestamp>,
        mime: String,
        title: Option<String>,
        language: Option<String>,
        pages: Vec<Page>,
    },
    /// Failed or skipped, with the reason. Its chunk rows go.
    Ended { id: DocumentId, reason: Reason, mime: Option<String>, content_hash: Option<String> },
    /// Touched but the same bytes: only the time moves.
    Unchanged { id: DocumentId, modified_at: Option<Timestamp> },
    /// The file changed or a retry was asked for: pending again.
    Reopened { id: DocumentId, size: u64, modified_at: Option<Timestamp> },
    /// The same bytes under a new name; members (`uri!/...`) move along.
    Renamed { id: DocumentId, uri: String, name: String, modified_at: Option<Timestamp> },
    /// Marked for removal; a purge job takes points, rows and blobs. Members are marked too.
    Deleting(DocumentId),
    /// The row itself goes, with its chunks. Only after its points are gone.
    Removed(DocumentId),
}

/// All chunks of one document in one dataset.
#[derive(Debug, Clone, PartialEq)]
pub struct ReplaceChunks {
    pub document: DocumentId,
    pub dataset: DatasetId,
    /// Ordered by ordinal. A chunk whose id and text were there before keeps `indexed`.
    pub chunks: Vec<Chunk>,
}

/// One transaction: everything a step changes. Applied in the order of the fields.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Commit {
    /// Jobs that end with this commit. Any lost lease refuses the whole commit.
    pub ended: Vec<Ended>,
    pub new_documents: Vec<NewDocument>,
    pub documents: Vec<DocumentChange>,
    pub replace_chunks: Vec<ReplaceChunks>,
    /// Chunks whose points are durable. Documents with no other chunk left become completed.
    pub indexed: Vec<ChunkId>,
    /// Chunks whose points are missing or about to be removed.
    pub unindexed: Vec<ChunkId>,
    /// A job whose (operation, name, key) lives already is left out. It takes
    /// over from waiting jobs of older operations with the same name and key, which end as skipped.
    pub jobs: Vec<NewJob>,
    /// A source whose listing ended completely, and when; or why it did not.
    pub scanned: Option<(SourceId, Timestamp, Option<String>)>,
    /// The operation's listing is over.
    pub listed: Option<OperationId>,
}

/// What to list.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DocumentFilter {
    pub collection: Option<CollectionId>,
    pub source: Option<SourceId>,
    pub status: Option<DocumentStatus>,
    pub uri_prefix: Option<String>,
}

/// A page of documents ordered by id; `next` continues after the last one.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DocumentPage {
    pub documents: Vec<Document>,
    pub next: Option<DocumentId>,
}

/// A chunk without its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkRef {
    pub id: ChunkId,
    pub document: DocumentId,
    pub indexed: bool,
}

/// Something that changed, told after the commit.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    Operation(OperationId),
    Document(DocumentId),
    Collection(CollectionId),
    /// Jobs are waiting on this queue.
    Queued(JobQueue),
}

/// Rows that are not jobs.
#[async_trait]
pub trait Records: Send + Sync {
    /// Applies a [`Commit`] whole or not at all. Operations whose last job ended end with it:
    /// completed, cancelled when that was asked, failed when a job of the scan queue is dead.
    async fn commit(&self, commit: Commit) -> Result<(), StoreError>;

    /// Inserts a collection with its dataset, first index and (where given) source, together.
    async fn create_collection(&self, collection: Collection, dataset: Dataset, index: Index)
    -> Result<(), StoreError>;
    async fn collection(&self, id: CollectionId) -> Result<Collection, StoreError>;
    async fn collection_by_name(&self, name: &str) -> Result<Option<Collection>, StoreError>;
    /// By name, at most 1000.
    async fn collections(&self) -> Result<Vec<Collection>, StoreError>;
    /// Name, description, tags, status.
    async fn update_collection(&self, collection: Collection) -> Result<(), StoreError>;
    /// The collection and everything under it. Only after the index is gone.
    async fn remove_collection(&self, id: CollectionId) -> Result<(), StoreError>;
    async fn counts(&self, id: CollectionId) -> Result<CollectionCounts, StoreError>;
    /// (status, MIME type, how many), for reports.
    async fn counts_by_format(
        &self,
        id: CollectionId,
    ) -> Result<Vec<(DocumentStatus, Option<String>, u64)>, StoreError>;

    /// The default dataset and the index search reads.
    async fn dataset_and_index(&self, collection: CollectionId) -> Result<(Dataset, Index), StoreError>;
    async fn indexes(&self) -> Result<Vec<Index>, StoreError>;
    /// Whether this index's id is known; used to find leftovers on disk.
    async fn index(&self, id: IndexId) -> Result<Index, StoreError>;

    /// [`StoreError::AlreadyExists`] when the collection has a source at that location.
    async fn create_source(&self, source: Source) -> Result<(), StoreError>;
    async fn source(&self, id: SourceId) -> Result<Source, StoreError>;
    async fn sources(&self, collection: CollectionId) -> Result<Vec<Source>, StoreError>;
    async fn update_source(&self, source: Source) -> Result<(), StoreError>;
    /// Only after its documents are gone.
    async fn remove_source(&self, id: SourceId) -> Result<(), StoreError>;

    async fn document(&self, id: DocumentId) -> Result<Document, StoreError>;
    /// In the order asked; missing ones are left out. At most 1000.
    async fn documents_by_id(&self, ids: &[DocumentId]) -> Result<Vec<Document>, StoreError>;
    /// Those of `uris` the source knows. At most 1000.
    async fn documents_by_uri(&self, source: SourceId, uris: &[String]) -> Result<Vec<Document>, StoreError>;
    /// Completed top-level documents of the source with these bytes, for renames. At most 10.
    async fn documents_by_hash(&self, source: SourceId, content_hash: &str) -> Result<Vec<Document>, StoreError>;
    async fn list_documents(
        &self,
        filter: &DocumentFilter,
        after: Option<DocumentId>,
        limit: usize,
    ) -> Result<DocumentPage, StoreError>;
    /// Members of a container, at most 10,000.
    async fn children(&self, parent: DocumentId) -> Result<Vec<Document>, StoreError>;
    /// Ids of the collection's completed documents that pass, for the index.
    async fn matching_documents(
        &self,
        collection: CollectionId,
        filter: &Filter,
    ) -> Result<HashSet<DocumentId>, StoreError>;
    /// Pending or processing documents no living job works on, at most `limit`.
    async fn stranded_documents(&self, limit: usize) -> Result<Vec<Document>, StoreError>;

    /// Chunks by id in the order asked; missing ones are left out. At most 1000.
    async fn chunks_by_id(&self, ids: &[ChunkId]) -> Result<Vec<Chunk>, StoreError>;
    /// A document's chunks from `from_ordinal`, at most `limit`, with text.
    async fn chunks_of(&self, document: DocumentId, from_ordinal: u32, limit: usize) -> Result<Vec<Chunk>, StoreError>;
    /// Ids of a document's chunks in order.
    async fn chunk_ids_of(&self, document: DocumentId) -> Result<Vec<ChunkId>, StoreError>;
    /// All chunks of a dataset ordered by id, after `after`, at most `limit`, without text.
    async fn chunk_refs(
        &self,
        dataset: DatasetId,
        after: Option<ChunkId>,
        limit: usize,
    ) -> Result<Vec<ChunkRef>, StoreError>;

    /// Inserts an operation and its first jobs together.
    async fn create_operation(
        &self,
        id: OperationId,
        kind: OperationKind,
        collection: CollectionId,
        jobs: Vec<NewJob>,
    ) -> Result<(), StoreError>;
    async fn operation(&self, id: OperationId) -> Result<Operation, StoreError>;
    /// Newest first, at most `limit`.
    async fn operations(
        &self,
        collection: Option<CollectionId>,
        open_only: bool,
        limit: usize,
    ) -> Result<Vec<Operation>, StoreError>;
    /// Asks for the end of an operation: waiting jobs are cancelled at once, running ones at the
    /// next heartbeat. Their documents stay pending.
    async fn cancel_operation(&self, id: OperationId) -> Result<(), StoreError>;

    /// Takes or renews a named lease until `until`; false when somebody else holds it.
    async fn take_lease(&self, name: &str, holder: &str, until: Timestamp) -> Result<bool, StoreError>;
    /// What changes from now on. A slow reader loses the oldest and must look at the rows.
    fn changes(&self) -> broadcast::Receiver<Change>;
    /// Checks foreign keys and pages of the database; a sentence per problem.
    async fn verify(&self) -> Result<Vec<String>, StoreError>;
}
