//! Jobs: rows of the queue. The row is the truth; a broker only carries ids.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::collection::text_enum;
use crate::id::{CollectionId, JobId, OperationId};
use crate::{ErrorCode, Timestamp};

text_enum!(
    /// Where a job stands (requirements 2.3). `Published` exists for transports with a broker.
    JobStatus {
        Pending = "pending", Published = "published", Processing = "processing", Success = "success",
        Failed = "failed", Skipped = "skipped", Dead = "dead", Cancelled = "cancelled",
    }
);

impl JobStatus {
    /// Whether nothing will change any more without a person.
    pub fn is_terminal(self) -> bool {
        match self {
            Self::Pending | Self::Published | Self::Processing | Self::Failed => false,
            Self::Success | Self::Skipped | Self::Dead | Self::Cancelled => true,
        }
    }
}

text_enum!(
    /// A queue: each has workers of its own, so that a slow stage never starves another.
    JobQueue { Scan = "scan", Extract = "extract", Embed = "embed", Maintain = "maintain" }
);

/// Attempts before a job is dead.
pub const MAX_ATTEMPTS: u32 = 5;

/// Seconds before a job is tried again that waits for something to be set right.
pub const DELAY_S: i64 = 30;

/// Seconds before attempts 2, 3, 4 and 5 (R166); jitter comes on top.
pub const RETRY_DELAYS_S: [u64; 4] = [30, 60, 120, 300];

/// How long a lease lasts without a heartbeat.
pub const LEASE_MS: i64 = 30_000;

/// How often a worker renews its leases and hears of cancellation.
pub const HEARTBEAT_MS: u64 = 1_000;

/// A job as it is enqueued.
#[derive(Debug, Clone, PartialEq)]
pub struct NewJob {
    pub id: JobId,
    pub operation: OperationId,
    pub collection: CollectionId,
    pub queue: JobQueue,
    /// The job type's constant name.
    pub name: &'static str,
    /// Unique among the living jobs of an operation and name: enqueueing twice is enqueueing once.
    pub key: String,
    /// Ids only, never a secret; a versioned struct.
    pub payload: serde_json::Value,
    /// Higher goes first.
    pub priority: i32,
}

/// A job a worker holds.
#[derive(Debug, Clone, PartialEq)]
pub struct ClaimedJob {
    pub id: JobId,
    pub operation: OperationId,
    pub collection: CollectionId,
    pub name: String,
    pub payload: serde_json::Value,
    /// 1 on the first try.
    pub attempt: u32,
    /// Proves the lease: a completion with another token is refused.
    pub token: Uuid,
    /// What an earlier attempt saved.
    pub checkpoint: Option<serde_json::Value>,
}

/// A job as people see it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobView {
    pub id: JobId,
    pub operation: OperationId,
    pub queue: JobQueue,
    pub name: String,
    pub key: String,
    pub status: JobStatus,
    pub attempts: u32,
    pub run_at: Timestamp,
    pub lease_until: Option<Timestamp>,
    pub error_code: Option<String>,
    pub error: Option<String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// How an attempt ended badly.
#[derive(Debug, Clone, PartialEq)]
pub struct JobFailure {
    pub code: ErrorCode,
    /// For the row and the dead-letter list; no secrets.
    pub message: String,
    /// Permanent failures are dead at once.
    pub permanent: bool,
}
