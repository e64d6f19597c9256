//! The traits, delegated to the topics.

use std::collections::HashSet;

use async_trait::async_trait;
use semantik_core::Timestamp;
use semantik_core::chunk::Chunk;
use semantik_core::collection::{Collection, CollectionCounts, Dataset, Index};
use semantik_core::document::{Document, DocumentStatus};
use semantik_core::id::{ChunkId, CollectionId, DatasetId, DocumentId, IndexId, JobId, OperationId, SourceId};
use semantik_core::job::{ClaimedJob, JobQueue, JobStatus, JobView, NewJob};
use semantik_core::operation::{Operation, OperationKind};
use semantik_core::search::Filter;
use semantik_core::source::Source;
use tokio::sync::broadcast;
use uuid::Uuid;

use super::db::SqliteStore;
use crate::{
    Change, ChunkRef, Commit, DocumentFilter, DocumentPage, JobStore, LeaseState, QueueStats, Records, StoreError,
};

#[async_trait]
impl Records for SqliteStore {
    async fn commit(&self, commit: Commit) -> Result<(), StoreError> {
        self.apply(commit).await
    }
    async fn create_collection(
        &self,
        collection: Collection,
        dataset: Dataset,
        index: Index,
    ) -> Result<(), StoreError> {
        self.insert_collection(collection, dataset, index).await
    }
    async fn collection(&self, id: CollectionId) -> Result<Collection, StoreError> {
        self.find_collection(id).await
    }
    async fn collection_by_name(&self, name: &str) -> Result<Option<Collection>, StoreError> {
        self.find_collection_by_name(name).await
    }
    async fn collections(&self) -> Result<Vec<Collection>, StoreError> {
        self.list_collections().await
    }
    async fn update_collection(&self, collection: Collection) -> Result<(), StoreError> {
        self.write_collection(collection).await
    }
    async fn remove_collection(&self, id: CollectionId) -> Result<(), StoreError> {
        self.delete_collection(id).await
    }
    async fn counts(&self, id: CollectionId) -> Result<CollectionCounts, StoreError> {
        self.count_collection(id).await
    }
    async fn counts_by_format(
        &self,
        id: CollectionId,
    ) -> Result<Vec<(DocumentStatus, Option<String>, u64)>, StoreError> {
        self.count_by_format(id).await
    }
    async fn dataset_and_index(&self, collection: CollectionId) -> Result<(Dataset, Index), StoreError> {
        self.find_dataset_and_index(collection).await
    }
    async fn indexes(&self) -> Result<Vec<Index>, StoreError> {
        self.list_indexes().await
    }
    async fn index(&self, id: IndexId) -> Result<Index, StoreError> {
        self.find_index(id).await
    }
    async fn create_source(&self, source: Source) -> Result<(), StoreError> {
        self.insert_source(source).await
    }
    async fn source(&self, id: SourceId) -> Result<Source, StoreError> {
        self.find_source(id).await
    }
    async fn sources(&self, collection: CollectionId) -> Result<Vec<Source>, StoreError> {
        self.list_sources(collection).await
    }
    async fn update_source(&self, source: Source) -> Result<(), StoreError> {
        self.write_source(source).await
    }
    async fn remove_source(&self, id: SourceId) -> Result<(), StoreError> {
        self.delete_source(id).await
    }
    async fn document(&self, id: DocumentId) -> Result<Document, StoreError> {
        self.find_document(id).await
    }
    async fn documents_by_id(&self, ids: &[DocumentId]) -> Result<Vec<Document>, StoreError> {
        self.find_documents(ids).await
    }
    async fn documents_by_uri(&self, source: SourceId, uris: &[String]) -> Result<Vec<Document>, StoreError> {
        self.find_documents_by_uri(source, uris).await
    }
    async fn documents_by_hash(&self, source: SourceId, content_hash: &str) -> Result<Vec<Document>, StoreError> {
        self.find_documents_by_hash(source, content_hash).await
    }
    async fn list_documents(
        &self,
        filter: &DocumentFilter,
        after: Option<DocumentId>,
        limit: usize,
    ) -> Result<DocumentPage, StoreError> {
        self.list_page(filter, after, limit).await
    }
    async fn children(&self, parent: DocumentId) -> Result<Vec<Document>, StoreError> {
        self.find_children(parent).await
    }
    async fn matching_documents(
        &self,
        collection: CollectionId,
        filter: &Filter,
    ) -> Result<HashSet<DocumentId>, StoreError> {
        self.find_matching(collection, filter).await
    }
    async fn stranded_documents(&self, limit: usize) -> Result<Vec<Document>, StoreError> {
        self.find_stranded(limit).await
    }
    async fn chunks_by_id(&self, ids: &[ChunkId]) -> Result<Vec<Chunk>, StoreError> {
        self.find_chunks(ids).await
    }
    async fn chunks_of(&self, document: DocumentId, from_ordinal: u32, limit: usize) -> Result<Vec<Chunk>, StoreError> {
        self.find_chunks_of(document, from_ordinal, limit).await
    }
    async fn chunk_ids_of(&self, document: DocumentId) -> Result<Vec<ChunkId>, StoreError> {
        self.find_chunk_ids_of(document).await
    }
    async fn chunk_refs(
        &self,
        dataset: DatasetId,
        after: Option<ChunkId>,
        limit: usize,
    ) -> Result<Vec<ChunkRef>, StoreError> {
        self.list_chunk_refs(dataset, after, limit).await
    }
    async fn create_operation(
        &self,
        id: OperationId,
        kind: OperationKind,
        collection: CollectionId,
        jobs: Vec<NewJob>,
    ) -> Result<(), StoreError> {
        self.insert_operation(id, kind, collection, jobs).await
    }
    async fn operation(&self, id: OperationId) -> Result<Operation, StoreError> {
        self.find_operation(id).await
    }
    async fn operations(
        &self,
        collection: Option<CollectionId>,
        open_only: bool,
        limit: usize,
    ) -> Result<Vec<Operation>, StoreError> {
        self.list_operations(collection, open_only, limit).await
    }
    async fn cancel_operation(&self, id: OperationId) -> Result<(), StoreError> {
        self.cancel(id).await
    }
    async fn take_lease(&self, name: &str, holder: &str, until: Timestamp) -> Result<bool, StoreError> {
        self.take_named_lease(name, holder, until).await
    }
    fn changes(&self) -> broadcast::Receiver<Change> {
        self.changes.subscribe()
    }
    async fn verify(&self) -> Result<Vec<String>, StoreError> {
        self.check_pages().await
    }
}

#[async_trait]
impl JobStore for SqliteStore {
    async fn claim(&self, queue: JobQueue, owner: &str, limit: usize) -> Result<Vec<ClaimedJob>, StoreError> {
        self.claim_jobs(queue, owner, limit).await
    }
    async fn heartbeat(&self, leases: &[(JobId, Uuid)]) -> Result<Vec<LeaseState>, StoreError> {
        self.renew(leases).await
    }
    async fn checkpoint(&self, job: JobId, token: Uuid, state: serde_json::Value) -> Result<(), StoreError> {
        self.keep_checkpoint(job, token, state).await
    }
    async fn reap(&self, owner: Option<&str>) -> Result<u64, StoreError> {
        self.reap_leases(owner).await
    }
    async fn next_run_in(&self, queue: JobQueue) -> Result<Option<u64>, StoreError> {
        self.due_in(queue).await
    }
    async fn jobs(
        &self,
        operation: Option<OperationId>,
        status: Option<JobStatus>,
        limit: usize,
    ) -> Result<Vec<JobView>, StoreError> {
        self.list_jobs(operation, status, limit).await
    }
    async fn replay(&self, job: JobId) -> Result<(), StoreError> {
        self.replay_job(job).await
    }
    async fn queue_stats(&self, queue: JobQueue) -> Result<QueueStats, StoreError> {
        self.count_queue(queue).await
    }
}
