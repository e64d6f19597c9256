//! What every job type declares, and a job on its way to the queue.

use semantik_core::id::{CollectionId, JobId, OperationId};
use semantik_core::job::{ClaimedJob, JobQueue, NewJob};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::AppError;

/// A job type: a versioned struct of ids.
pub(crate) trait JobKind: Serialize + DeserializeOwned {
    const NAME: &'static str;
    const QUEUE: JobQueue;
    const PRIORITY: i32 = 0;

    /// The struct a claimed row carries.
    fn read(job: &ClaimedJob) -> Result<Self, AppError> {
        serde_json::from_value(job.payload.clone())
            .map_err(|error| AppError::Internal(format!("payload of job {} ({}): {error}", job.id, job.name)))
    }
}

/// A job that has no operation yet.
#[derive(Debug, Clone)]
pub(crate) struct JobSpec {
    name: &'static str,
    queue: JobQueue,
    priority: i32,
    key: String,
    payload: serde_json::Value,
}

impl JobSpec {
    /// A job under a key that is unique among its operation's living jobs of the type.
    pub(crate) fn of<J: JobKind>(job: &J, key: &str) -> Self {
        let payload = serde_json::to_value(job).unwrap_or_default();
        Self { name: J::NAME, queue: J::QUEUE, priority: J::PRIORITY, key: key.to_owned(), payload }
    }

    /// The row to insert.
    pub(crate) fn build(self, operation: OperationId, collection: CollectionId) -> NewJob {
        NewJob {
            id: JobId::generate(),
            operation,
            collection,
            queue: self.queue,
            name: self.name,
            key: self.key,
            payload: self.payload,
            priority: self.priority,
        }
    }
}
