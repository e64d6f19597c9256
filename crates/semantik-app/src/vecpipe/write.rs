//! Changing what a space holds, so that a stop at any point leaves every point as it was or as it
//! should be: row staged, vector indexed and durable, row published, old vector removed.

use std::sync::Arc;

use semantik_core::id::DocumentId;
use semantik_index::Point;
use semantik_store::spaces::SpacePoint;

use super::spaces::OpenSpace;
use crate::AppError;

/// Points removed from an index together.
const SWEPT: usize = 4096;

impl OpenSpace {
    /// Adds or replaces points. Runs to its end even when nobody waits any more.
    pub(super) async fn write(self: Arc<Self>, points: Vec<(SpacePoint, Vec<f32>)>) -> Result<(), AppError> {
        // Waited for here: a caller that leaves before its turn takes its points with it.
        let turn = Arc::clone(&self.writing).lock_owned().await;
        let task = async move {
            let _turn = turn;
            // What an earlier write that failed has staged must not be published now.
            self.sweep().await?;
            let (rows, vectors): (Vec<SpacePoint>, Vec<Vec<f32>>) = points.into_iter().unzip();
            self.rows.stage(self.space.index, &rows).await?;
            let point = |(row, vector): (SpacePoint, Vec<f32>)| Point {
                id: row.key,
                document: DocumentId(row.key.0),
                vector,
                text: row.text,
                context: String::new(),
            };
            self.index.upsert(rows.into_iter().zip(vectors).map(point).collect()).await?;
            self.index.flush().await?;
            self.rows.publish(self.space.index).await?;
            self.sweep_later().await;
            Ok(())
        };
        finish(tokio::spawn(task).await)
    }

    /// Removes points; how many there were.
    pub(super) async fn delete(self: Arc<Self>, ids: Vec<String>) -> Result<u64, AppError> {
        let task = async move {
            let _writing = self.writing.lock().await;
            let retired = self.rows.retire(self.space.index, &ids).await?;
            self.sweep_later().await;
            Ok(retired)
        };
        finish(tokio::spawn(task).await)
    }

    /// Removes the vectors of rows that do not count, then the rows.
    pub(super) async fn sweep(&self) -> Result<(), AppError> {
        loop {
            let keys = self.rows.leftovers(self.space.index, SWEPT).await?;
            if keys.is_empty() {
                return Ok(());
            }
            self.index.delete_points(&keys).await?;
            self.index.flush().await?;
            self.rows.forget(self.space.index, &keys).await?;
        }
    }

    /// The same after a change that is done: searches pass over leftovers, so they may wait.
    async fn sweep_later(&self) {
        if let Err(error) = self.sweep().await {
            tracing::warn!(%error, collection = self.space.name, "replaced points are removed at the next change");
        }
    }
}

pub(super) fn finish<T>(joined: Result<Result<T, AppError>, tokio::task::JoinError>) -> Result<T, AppError> {
    joined.map_err(|error| AppError::Internal(format!("writing a collection failed: {error}")))?
}
