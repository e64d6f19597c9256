//! A file's name is among the words its passages are found by, so points follow a rename. Vectors
//! know nothing of it and stay as they are.

use semantik_core::chunk::Chunk;
use semantik_core::document::{Document, DocumentStatus};
use semantik_core::id::{ChunkId, DocumentId};
use semantik_core::job::JobQueue;
use semantik_index::Index;
use semantik_store::Commit;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::JobKind;
use super::embed_chunks::point;
use crate::{App, AppError};

/// Chunks read and written at once.
const BATCH: usize = 1000;

/// Writes the points of renamed documents again, under the new name.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct RenamePoints {
    pub(crate) v: u32,
    pub(crate) documents: Vec<DocumentId>,
}

impl JobKind for RenamePoints {
    const NAME: &'static str = "rename_points";
    const QUEUE: JobQueue = JobQueue::Maintain;
}

impl RenamePoints {
    pub(crate) async fn run(self, app: &App, cancel: &CancellationToken) -> Result<Commit, AppError> {
        let documents = app.store().documents_by_id(&self.documents).await?;
        for document in documents.iter().filter(|document| document.status != DocumentStatus::Deleting) {
            if cancel.is_cancelled() {
                return Err(AppError::Cancelled);
            }
            let (_, _, index) = app.open_index(document.collection).await?;
            rename(app, document, index.as_ref()).await?;
            index.flush().await?;
        }
        Ok(Commit::default())
    }
}

async fn rename(app: &App, document: &Document, index: &dyn Index) -> Result<(), AppError> {
    let mut from = 0;
    loop {
        // Whoever wrote points under the old name has marked their rows by now.
        let _turn = app.turns.alone().await;
        let chunks = app.store().chunks_of(document.id, from, BATCH).await?;
        let Some(last) = chunks.last() else { return Ok(()) };
        from = last.ordinal.saturating_add(1);
        // What is not indexed yet gets the new name when it is.
        let chunks: Vec<Chunk> = chunks.into_iter().filter(|chunk| chunk.indexed).collect();
        let ids: Vec<ChunkId> = chunks.iter().map(|chunk| chunk.id).collect();
        let vectors = index.vectors(&ids).await?;
        let points =
            chunks.iter().zip(vectors).filter_map(|(chunk, vector)| Some(point(chunk, &document.name, vector?)));
        let points: Vec<_> = points.collect();
        if !points.is_empty() {
            index.upsert(points).await?;
        }
    }
}
