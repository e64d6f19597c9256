//! Operations, queues and dead letters: watching, cancelling, trying again.

use semantik_core::id::{CollectionId, JobId, OperationId};
use semantik_core::job::{JobQueue, JobStatus, JobView};
use semantik_core::operation::{Operation, OperationKind};
use semantik_store::StoreError;
use serde::Serialize;
use utoipa::ToSchema;

use crate::jobs::JobSpec;
use crate::{App, AppError, Caller};

/// A queue with its counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct QueueView {
    pub queue: JobQueue,
    pub pending: u64,
    /// Waiting for the time of their next attempt.
    pub delayed: u64,
    pub processing: u64,
    pub dead: u64,
    /// Age of the oldest job that could run, milliseconds.
    pub oldest_ms: u64,
}

impl App {
    /// Operations, newest first.
    ///
    /// # Errors
    /// `not_found` for an unknown collection.
    pub async fn operations(
        &self,
        caller: &Caller,
        collection: Option<&str>,
        open_only: bool,
        limit: usize,
    ) -> Result<Vec<Operation>, AppError> {
        let collection = match collection {
            Some(key) => Some(self.find_collection(caller, key).await?.id),
            None => None,
        };
        Ok(self.store().operations(collection, open_only, limit).await?)
    }

    /// One operation.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn operation(&self, _caller: &Caller, id: OperationId) -> Result<Operation, AppError> {
        Ok(self.store().operation(id).await?)
    }

    /// Asks for the end of an operation. One that ended already stays as it is.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn cancel_operation(&self, caller: &Caller, id: OperationId) -> Result<Operation, AppError> {
        if !self.operation(caller, id).await?.status.is_terminal() {
            match self.store().cancel_operation(id).await {
                // It ended in between.
                Ok(()) | Err(StoreError::InvalidState { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.operation(caller, id).await
    }

    /// Every queue with its counts.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn queues(&self, _caller: &Caller) -> Result<Vec<QueueView>, AppError> {
        let mut views = Vec::new();
        for &queue in JobQueue::ALL {
            let stats = self.store().queue_stats(queue).await?;
            views.push(QueueView {
                queue,
                pending: stats.pending,
                delayed: stats.delayed,
                processing: stats.processing,
                dead: stats.dead,
                oldest_ms: stats.oldest_ms,
            });
        }
        Ok(views)
    }

    /// Jobs that gave up, newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn dead_jobs(&self, _caller: &Caller, limit: usize) -> Result<Vec<JobView>, AppError> {
        Ok(self.store().jobs(None, Some(JobStatus::Dead), limit).await?)
    }

    /// Puts a dead job back on its queue.
    ///
    /// # Errors
    /// `not_found`, or `invalid_state` when it is not dead.
    pub async fn replay_job(&self, _caller: &Caller, id: JobId) -> Result<(), AppError> {
        Ok(self.store().replay(id).await?)
    }

    /// Starts an operation with its first jobs.
    pub(crate) async fn begin(
        &self,
        kind: OperationKind,
        collection: CollectionId,
        jobs: Vec<JobSpec>,
    ) -> Result<Operation, AppError> {
        let id = OperationId::generate();
        let jobs = jobs.into_iter().map(|job| job.build(id, collection)).collect();
        self.store().create_operation(id, kind, collection, jobs).await?;
        Ok(self.store().operation(id).await?)
    }
}
