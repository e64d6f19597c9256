//! When points come and go, so that a row that says it is indexed always has its point.
//!
//! Ids of chunks are derived from their content: while somebody removes the point of a row that went,
//! the same passage may come back under the same id, be embedded by somebody else and be marked. So a
//! point is written and its row marked in one turn, which others may share, and points are removed in
//! a turn that nobody shares, of rows that are seen to be gone, or marked as not indexed, within it.
//! One process at a time has a data folder, so a lock in memory is enough. A stop in between leaves
//! points without rows, or rows that say they are not indexed: both are taken up at the next start.

#[cfg(test)]
mod tests;

use std::collections::HashSet;

use semantik_core::id::{ChunkId, CollectionId};
use semantik_index::Index;
use semantik_store::{Commit, StoreError};
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::{App, AppError};

/// Points removed in one turn, so that nobody waits long for the next.
const PER_TURN: usize = 1000;

/// Whose turn it is to change points.
#[derive(Default)]
pub(crate) struct Turns(RwLock<()>);

impl Turns {
    /// A turn to write points and mark their rows; embedding is over by then.
    pub(crate) async fn shared(&self) -> RwLockReadGuard<'_, ()> {
        self.0.read().await
    }

    /// A turn in which no point is between being written and its row's mark.
    pub(crate) async fn alone(&self) -> RwLockWriteGuard<'_, ()> {
        self.0.write().await
    }

    #[cfg(test)]
    pub(crate) fn are_taken(&self) -> bool {
        self.0.try_write().is_err()
    }
}

impl App {
    /// Removes those of the points whose rows are gone, durably; how many there were.
    pub(crate) async fn drop_orphans(&self, collection: CollectionId, points: &[ChunkId]) -> Result<usize, AppError> {
        let index = match self.open_index(collection).await {
            Ok((_, _, index)) => index,
            // A collection that is gone took its index along.
            Err(AppError::Store(StoreError::NotFound { .. })) => return Ok(0),
            Err(error) => return Err(error),
        };
        let mut dropped = 0;
        for part in points.chunks(PER_TURN) {
            let _turn = self.turns.alone().await;
            let living: HashSet<ChunkId> =
                self.store().chunks_by_id(part).await?.into_iter().map(|chunk| chunk.id).collect();
            let orphans: Vec<ChunkId> = part.iter().copied().filter(|id| !living.contains(id)).collect();
            if !orphans.is_empty() {
                index.delete_points(&orphans).await?;
                index.flush().await?;
            }
            dropped += orphans.len();
        }
        Ok(dropped)
    }

    /// Removes points whose rows are about to go, durably. Should the rows stay after all, they say
    /// what they lack.
    pub(crate) async fn withdraw_points(&self, index: &dyn Index, points: Vec<ChunkId>) -> Result<(), AppError> {
        if points.is_empty() {
            return Ok(());
        }
        let _turn = self.turns.alone().await;
        self.store().commit(Commit { unindexed: points.clone(), ..Commit::default() }).await?;
        index.delete_points(&points).await?;
        Ok(index.flush().await?)
    }
}
