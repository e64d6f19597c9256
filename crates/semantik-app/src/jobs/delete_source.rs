//! Removing a source with its documents, page by page.

use semantik_core::id::SourceId;
use semantik_core::job::JobQueue;
use semantik_store::{Commit, DocumentChange, DocumentFilter, StoreError};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::{JobKind, purge};
use crate::{App, AppError};

const PAGE: usize = 500;

/// Removes a source.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct DeleteSource {
    pub(crate) v: u32,
    pub(crate) source: SourceId,
}

impl JobKind for DeleteSource {
    const NAME: &'static str = "delete_source";
    const QUEUE: JobQueue = JobQueue::Maintain;
}

impl DeleteSource {
    pub(super) async fn run(self, app: &App, cancel: &CancellationToken) -> Result<Commit, AppError> {
        let source = match app.store().source(self.source).await {
            Ok(source) => source,
            Err(StoreError::NotFound { .. }) => return Ok(Commit::default()),
            Err(error) => return Err(error.into()),
        };
        let filter = DocumentFilter { source: Some(source.id), ..DocumentFilter::default() };
        loop {
            if cancel.is_cancelled() {
                return Err(AppError::Cancelled);
            }
            let page = app.store().list_documents(&filter, None, PAGE).await?;
            if page.documents.is_empty() {
                break;
            }
            let ids: Vec<_> = page.documents.iter().map(|document| document.id).collect();
            let marks = ids.iter().map(|&id| DocumentChange::Deleting(id)).collect();
            app.store().commit(Commit { documents: marks, ..Commit::default() }).await?;
            let rows = purge(app, source.collection, ids).await?;
            app.store().commit(rows).await?;
        }
        app.store().remove_source(source.id).await?;
        Ok(Commit::default())
    }
}
