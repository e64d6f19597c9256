//! Trying documents again, and deleting them.

use semantik_core::document::{Document, DocumentStatus};
use semantik_core::id::DocumentId;
use semantik_core::operation::{Operation, OperationKind};
use semantik_store::{Commit, DocumentChange, DocumentFilter};

use crate::jobs::{ExtractDocument, JobSpec, PurgeDocuments};
use crate::{App, AppError, Caller};

const PAGE: usize = 500;

impl App {
    /// Reads one document again, whatever its state.
    ///
    /// # Errors
    /// `not_found`, `invalid_state` when it is being deleted, `model_mismatch`.
    pub async fn retry_document(&self, caller: &Caller, id: DocumentId) -> Result<Operation, AppError> {
        let document = self.document(caller, id).await?;
        if document.status == DocumentStatus::Deleting {
            return Err(AppError::Conflict { message: "the document is being deleted".into() });
        }
        self.check_fits(document.collection).await?;
        let operation = self.begin(OperationKind::RetryDocuments, document.collection, Vec::new()).await?;
        self.reopen(&operation, std::slice::from_ref(&document)).await?;
        self.operation(caller, operation.id).await
    }

    /// Reads every failed document of a collection again.
    ///
    /// # Errors
    /// `not_found`, `model_mismatch`.
    pub async fn retry_failed(&self, caller: &Caller, key: &str) -> Result<Operation, AppError> {
        let collection = self.find_collection(caller, key).await?.id;
        self.check_fits(collection).await?;
        let filter = DocumentFilter {
            collection: Some(collection),
            status: Some(DocumentStatus::Failed),
            ..DocumentFilter::default()
        };
        // The first page is in hand before the operation exists, so that it never ends empty.
        let mut page = self.store().list_documents(&filter, None, PAGE).await?;
        let operation = self.begin(OperationKind::RetryDocuments, collection, Vec::new()).await?;
        loop {
            self.reopen(&operation, &page.documents).await?;
            let Some(after) = page.next else { break };
            page = self.store().list_documents(&filter, Some(after), PAGE).await?;
        }
        self.operation(caller, operation.id).await
    }

    /// Removes a document from search. A file of a directory source comes back with the next sync
    /// unless it is excluded.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn delete_document(&self, caller: &Caller, id: DocumentId) -> Result<Operation, AppError> {
        let document = self.document(caller, id).await?;
        let commit = Commit { documents: vec![DocumentChange::Deleting(id)], ..Commit::default() };
        self.store().commit(commit).await?;
        let job = JobSpec::of(&PurgeDocuments { v: 1, documents: vec![id] }, &id.to_string());
        self.begin(OperationKind::Delete, document.collection, vec![job]).await
    }

    async fn reopen(&self, operation: &Operation, documents: &[Document]) -> Result<(), AppError> {
        let mut commit = Commit { listed: Some(operation.id), ..Commit::default() };
        for document in documents {
            let (id, size, modified_at) = (document.id, document.size, document.modified_at);
            commit.documents.push(DocumentChange::Reopened { id, size, modified_at });
            let job = ExtractDocument { v: 1, document: id };
            commit.jobs.push(JobSpec::of(&job, &id.to_string()).build(operation.id, operation.collection));
        }
        Ok(self.store().commit(commit).await?)
    }
}
