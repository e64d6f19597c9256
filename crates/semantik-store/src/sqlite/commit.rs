//! The transaction that joins data, follow-up jobs and the end of a job.

use std::collections::BTreeSet;

use semantik_core::id::{DocumentId, OperationId};

use super::db::SqliteStore;
use crate::{Change, Commit, StoreError};

impl SqliteStore {
    pub(super) async fn apply(&self, commit: Commit) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        let mut operations: BTreeSet<OperationId> = commit.listed.into_iter().collect();
        let mut documents: BTreeSet<DocumentId> = BTreeSet::new();
        for ended in commit.ended {
            operations.insert(tx.end_job(ended).await?);
        }
        for document in commit.new_documents {
            tx.insert_document(document).await?;
        }
        for change in commit.documents {
            documents.extend(tx.change_document(change).await?);
        }
        for replace in commit.replace_chunks {
            documents.insert(replace.document);
            tx.replace_chunks(replace).await?;
        }
        documents.extend(tx.mark_chunks(&commit.indexed, true).await?);
        for document in tx.mark_chunks(&commit.unindexed, false).await? {
            tx.reopen_completed(document).await?;
        }
        for document in documents {
            tx.complete_if_indexed(document).await?;
        }
        for job in commit.jobs {
            operations.insert(job.operation);
            operations.extend(tx.enqueue(job).await?);
        }
        if let Some((source, at, error)) = commit.scanned {
            let sql = "UPDATE source SET last_error = ?1, last_scan_at = CASE WHEN ?1 IS NULL THEN ?2 ELSE last_scan_at END WHERE id = ?3";
            tx.exec(sql, [error.into(), at.into(), source.0.into()]).await?;
        }
        if let Some(operation) = commit.listed {
            tx.exec("UPDATE operation SET listed = 1 WHERE id = ?", [operation.0.into()]).await?;
        }
        for operation in operations {
            tx.settle_operation(operation).await?;
            tx.tell(Change::Operation(operation));
        }
        tx.commit().await
    }
}
