//! Listing and reading documents.

use semantik_core::chunk::Chunk;
use semantik_core::document::{Document, ExtractedText};
use semantik_core::id::DocumentId;
use semantik_store::{DocumentFilter, StoreError};

use super::{DocumentQuery, Documents, text_key};
use crate::{App, AppError, Caller};

impl App {
    /// A page of a collection's documents.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn documents(&self, caller: &Caller, key: &str, query: DocumentQuery) -> Result<Documents, AppError> {
        let collection = self.find_collection(caller, key).await?;
        let filter = DocumentFilter {
            collection: Some(collection.id),
            source: None,
            status: query.status,
            uri_prefix: query.path_prefix,
        };
        let page = self.store().list_documents(&filter, query.cursor, query.limit).await?;
        Ok(Documents { items: page.documents, next_cursor: page.next })
    }

    /// One document.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn document(&self, caller: &Caller, id: DocumentId) -> Result<Document, AppError> {
        let document = self.store().document(id).await?;
        let collection = self.store().collection(document.collection).await?;
        if collection.owner == caller.user() {
            Ok(document)
        } else {
            Err(AppError::NotFound { what: format!("document {id}") })
        }
    }

    /// A document's text with pages and headings.
    ///
    /// # Errors
    /// `not_found`, `invalid_state` when it has no text (yet).
    pub async fn document_text(&self, caller: &Caller, id: DocumentId) -> Result<ExtractedText, AppError> {
        let document = self.document(caller, id).await?;
        match self.stored_text(id).await? {
            Some(text) => Ok(text),
            None => Err(AppError::Conflict { message: format!("the document is {} and has no text", document.status) }),
        }
    }

    /// A document's chunks from an ordinal on.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn document_chunks(
        &self,
        caller: &Caller,
        id: DocumentId,
        from: u32,
        limit: usize,
    ) -> Result<Vec<Chunk>, AppError> {
        self.document(caller, id).await?;
        Ok(self.store().chunks_of(id, from, limit).await?)
    }

    pub(crate) async fn stored_text(&self, id: DocumentId) -> Result<Option<ExtractedText>, AppError> {
        let bytes = match self.blobs().get(&text_key(id)).await {
            Ok(bytes) => bytes,
            Err(StoreError::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|error| AppError::Internal(format!("text of document {id} cannot be read: {error}")))
    }
}
