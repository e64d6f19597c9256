//! The durable queue.
//!
//! A worker claims rows (a lease with a token), renews them while it works and ends each with one
//! [`crate::Commit`]. A lease that ran out goes back to the queue and counts as an attempt.

use async_trait::async_trait;
use serde::Serialize;

use semantik_core::id::{JobId, OperationId};
use semantik_core::job::{ClaimedJob, JobFailure, JobQueue, JobStatus, JobView};
use uuid::Uuid;

use crate::StoreError;

/// What a heartbeat says about a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaseState {
    Held,
    /// The operation was cancelled: stop at the next page or batch.
    Cancelled,
    /// Somebody else has it, or it is over: drop the work.
    Lost,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq)]
pub enum JobOutcome {
    Success,
    Skipped(String),
    Failed(JobFailure),
    /// Hand it back untouched (a drain); does not count as an attempt.
    Released,
    /// Hand it back because what it needs is not as it should be; it is tried again after
    /// [`semantik_core::job::DELAY_S`], however often, and says why it waits. Does not count as an attempt.
    Delayed(JobFailure),
}

/// A claimed job and how it ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Ended {
    pub id: JobId,
    pub token: Uuid,
    pub outcome: JobOutcome,
}

/// Counts of one queue.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct QueueStats {
    pub pending: u64,
    pub delayed: u64,
    pub processing: u64,
    pub dead: u64,
    /// Age of the oldest job that could run, milliseconds.
    pub oldest_ms: u64,
}

/// Claims, leases and the dead-letter list.
#[async_trait]
pub trait JobStore: Send + Sync {
    /// Leases up to `limit` runnable jobs of `queue` to `owner`, highest priority first, taking
    /// turns between operations of equal priority. Counts an attempt on each.
    ///
    /// A job that was already lost to a crash comes alone, so that one poisonous job cannot take
    /// others with it.
    async fn claim(&self, queue: JobQueue, owner: &str, limit: usize) -> Result<Vec<ClaimedJob>, StoreError>;

    /// Renews leases (also expired ones nobody took) and tells what became of each, in order.
    async fn heartbeat(&self, leases: &[(JobId, Uuid)]) -> Result<Vec<LeaseState>, StoreError>;

    /// Keeps what an attempt achieved for the next one; resets the count of lost attempts, since
    /// a job that advances is not poisonous.
    async fn checkpoint(&self, job: JobId, token: Uuid, state: serde_json::Value) -> Result<(), StoreError>;

    /// Gives expired leases back to the queue (or buries them after the last attempt); returns how
    /// many. `owner` set: that owner's leases whatever their time, for a start after a crash.
    async fn reap(&self, owner: Option<&str>) -> Result<u64, StoreError>;

    /// Milliseconds until the next job of `queue` may run; `None` when nothing waits.
    async fn next_run_in(&self, queue: JobQueue) -> Result<Option<u64>, StoreError>;

    /// Jobs by status, newest first, at most `limit`.
    async fn jobs(
        &self,
        operation: Option<OperationId>,
        status: Option<JobStatus>,
        limit: usize,
    ) -> Result<Vec<JobView>, StoreError>;

    /// Puts a dead job back on the queue with fresh attempts; its operation and document become
    /// open again.
    async fn replay(&self, job: JobId) -> Result<(), StoreError>;

    /// Counts of a queue.
    async fn queue_stats(&self, queue: JobQueue) -> Result<QueueStats, StoreError>;
}
