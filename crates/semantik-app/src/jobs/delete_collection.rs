//! Removing a collection: its index generations, its blobs, then its rows (this job's among them).

use semantik_core::id::CollectionId;
use semantik_core::job::JobQueue;
use semantik_store::{Commit, DocumentFilter, StoreError};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::JobKind;
use crate::documents::{original_key, text_key};
use crate::{App, AppError};

const PAGE: usize = 1000;

/// Removes a collection.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct DeleteCollection {
    pub(crate) v: u32,
    pub(crate) collection: CollectionId,
}

impl JobKind for DeleteCollection {
    const NAME: &'static str = "delete_collection";
    const QUEUE: JobQueue = JobQueue::Maintain;
}

impl DeleteCollection {
    pub(super) async fn run(self, app: &App, cancel: &CancellationToken) -> Result<Commit, AppError> {
        match app.store().collection(self.collection).await {
            Ok(_) => {}
            Err(StoreError::NotFound { .. }) => return Ok(Commit::default()),
            Err(error) => return Err(error.into()),
        }
        for index in app.store().indexes().await? {
            if index.collection == self.collection {
                app.parts.engine.remove(index.id).await?;
            }
        }
        let filter = DocumentFilter { collection: Some(self.collection), ..DocumentFilter::default() };
        let mut after = None;
        loop {
            if cancel.is_cancelled() {
                return Err(AppError::Cancelled);
            }
            let page = app.store().list_documents(&filter, after, PAGE).await?;
            for document in &page.documents {
                app.blobs().delete(&text_key(document.id)).await?;
                app.blobs().delete(&original_key(document.id)).await?;
            }
            match page.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        app.store().remove_collection(self.collection).await?;
        Ok(Commit::default())
    }
}
