//! Taking documents out of index, blobs and rows, in that order: a row is the last thing to go, so
//! that a crash in between is repeated, never forgotten.

use semantik_core::id::{CollectionId, DocumentId};
use semantik_core::job::JobQueue;
use semantik_store::{Commit, DocumentChange};
use serde::{Deserialize, Serialize};

use super::JobKind;
use crate::documents::{original_key, text_key};
use crate::{App, AppError};

/// Removes documents that are marked for it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct PurgeDocuments {
    pub(crate) v: u32,
    /// At most 500.
    pub(crate) documents: Vec<DocumentId>,
}

impl JobKind for PurgeDocuments {
    const NAME: &'static str = "purge_documents";
    const QUEUE: JobQueue = JobQueue::Maintain;
}

impl PurgeDocuments {
    pub(super) async fn run(self, app: &App) -> Result<Commit, AppError> {
        // A document that was found again since it was marked stays.
        let marked = app.store().documents_by_id(&self.documents).await?;
        let marked = marked.iter().filter(|d| d.status == semantik_core::document::DocumentStatus::Deleting);
        let mut documents = Vec::new();
        let mut collection = None;
        for document in marked {
            collection = Some(document.collection);
            documents.push(document.id);
        }
        match collection {
            Some(collection) => purge(app, collection, documents).await,
            None => Ok(Commit::default()),
        }
    }
}

/// Removes points and blobs of documents with their members; the commit removes the rows.
pub(crate) async fn purge(app: &App, collection: CollectionId, documents: Vec<DocumentId>) -> Result<Commit, AppError> {
    let mut all = Vec::new();
    let mut open = documents;
    while let Some(id) = open.pop() {
        open.extend(app.store().children(id).await?.iter().map(|child| child.id));
        all.push(id);
    }
    let (_, _, index) = app.open_index(collection).await?;
    index.delete_documents(&all).await?;
    index.flush().await?;
    for &id in &all {
        app.blobs().delete(&text_key(id)).await?;
        app.blobs().delete(&original_key(id)).await?;
    }
    // Members before containers, so that no row points at one that is gone.
    let documents = all.into_iter().rev().map(DocumentChange::Removed).collect();
    Ok(Commit { documents, ..Commit::default() })
}
