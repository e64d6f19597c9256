//! Operations: what a person asked for, as one thing to watch and to cancel.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Timestamp;
use crate::collection::text_enum;
use crate::id::{CollectionId, OperationId};

text_enum!(
    /// What an operation does.
    OperationKind {
        Index = "index", Append = "append", Sync = "sync", RemoveSource = "remove_source",
        Delete = "delete", RetryDocuments = "retry_documents", Reconcile = "reconcile",
    }
);

text_enum!(
    /// Where an operation stands.
    OperationStatus {
        Pending = "pending", Processing = "processing", Completed = "completed",
        Failed = "failed", Cancelled = "cancelled",
    }
);

impl OperationStatus {
    /// Whether nothing will change any more.
    pub fn is_terminal(self) -> bool {
        match self {
            Self::Pending | Self::Processing => false,
            Self::Completed | Self::Failed | Self::Cancelled => true,
        }
    }
}

/// One run: a set of jobs with counts that are taken from their rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Operation {
    pub id: OperationId,
    pub kind: OperationKind,
    pub collection: CollectionId,
    pub status: OperationStatus,
    pub cancel_requested: bool,
    pub progress: Progress,
    /// Why it failed, or what it waits for.
    pub message: Option<String>,
    pub created_at: Timestamp,
    pub started_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
}

/// Counts of an operation.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Progress {
    /// Jobs known so far; grows while a source is being listed.
    pub jobs_total: u64,
    pub jobs_done: u64,
    /// Dead or discarded.
    pub jobs_failed: u64,
    /// True once every source has been listed, so that `jobs_total` is near its final value.
    pub listed: bool,
    pub documents_total: u64,
    pub documents_done: u64,
    pub chunks_total: u64,
    pub chunks_done: u64,
}
