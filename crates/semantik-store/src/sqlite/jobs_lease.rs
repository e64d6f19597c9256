//! Leases: heartbeat, checkpoint, and what becomes of the lost ones.

use std::collections::BTreeSet;

use semantik_core::ErrorCode;
use semantik_core::document::Reason;
use semantik_core::id::{DocumentId, JobId, OperationId};
use semantik_core::job::MAX_ATTEMPTS;
use uuid::Uuid;

use super::db::{SqliteStore, Tx, get, named, to_json};
use super::jobs_claim::{OF_COLLECTION, OF_DOCUMENT};
use crate::{Change, LeaseState, StoreError};

pub(super) const WAITING: &str = "SELECT 1 AS found FROM job WHERE status = 'pending' AND name = ? AND key = ?";

const REAPED_AT_ONCE: i64 = 1000;

/// Deaths of the whole process a job may be running at before it counts as their cause.
const MAX_RESTARTS: i64 = 50;

impl SqliteStore {
    pub(super) async fn renew(&self, leases: &[(JobId, Uuid)]) -> Result<Vec<LeaseState>, StoreError> {
        if leases.is_empty() {
            return Ok(Vec::new());
        }
        let tx = self.begin().await?;
        let sql = "UPDATE job SET lease_until = ? WHERE id = ? AND lease_token = ? AND status = 'processing' \
                   RETURNING (SELECT cancel_requested FROM operation WHERE operation.id = job.operation) AS cancelled";
        let mut states = Vec::with_capacity(leases.len());
        for (id, token) in leases {
            let row = tx.row(sql, [tx.lease_end(), id.0.into(), (*token).into()]).await?;
            states.push(match row.map(|row| get::<i64>(&row, "cancelled")).transpose()? {
                None => LeaseState::Lost,
                Some(0) => LeaseState::Held,
                Some(_) => LeaseState::Cancelled,
            });
        }
        tx.commit().await?;
        Ok(states)
    }

    pub(super) async fn keep_checkpoint(
        &self,
        job: JobId,
        token: Uuid,
        state: serde_json::Value,
    ) -> Result<(), StoreError> {
        let tx = self.begin().await?;
        // The attempt under way is the first since the progress it just made.
        let sql = "UPDATE job SET checkpoint = ?, losses = 0, attempts = 1, updated_at = ? WHERE id = ? AND lease_token = ? AND status = 'processing'";
        if tx.exec(sql, [to_json(&state)?, tx.now.into(), job.0.into(), token.into()]).await? == 0 {
            return Err(StoreError::LeaseLost { job });
        }
        tx.commit().await
    }

    pub(super) async fn reap_leases(&self, owner: Option<&str>) -> Result<u64, StoreError> {
        let mut reaped = 0;
        loop {
            let mut tx = self.begin().await?;
            let columns = "j.id, j.operation, j.collection, j.queue, j.name, j.key, j.attempts, j.losses, j.document, o.cancel_requested";
            let from = "FROM job j JOIN operation o ON o.id = j.operation WHERE j.status = 'processing'";
            let found = match owner {
                Some(owner) => {
                    // The newest first: they are waiting again when the older ones look for them.
                    let sql =
                        format!("SELECT {columns} {from} AND j.lease_owner = ? ORDER BY j.operation DESC LIMIT ?");
                    tx.rows(&sql, [owner.into(), REAPED_AT_ONCE.into()]).await?
                }
                None => {
                    let sql = format!("SELECT {columns} {from} AND j.lease_until < ? LIMIT ?");
                    tx.rows(&sql, [tx.now.into(), REAPED_AT_ONCE.into()]).await?
                }
            };
            let mut operations = BTreeSet::new();
            for row in &found {
                operations.insert(OperationId(get(row, "operation")?));
                tx.lose(row, owner.is_some()).await?;
            }
            for operation in operations {
                tx.settle_operation(operation).await?;
                tx.tell(Change::Operation(operation));
            }
            tx.commit().await?;
            reaped += found.len() as u64;
            if (found.len() as i64) < REAPED_AT_ONCE {
                return Ok(reaped);
            }
        }
    }

    pub(super) async fn take_named_lease(&self, name: &str, holder: &str, until: i64) -> Result<bool, StoreError> {
        let tx = self.begin().await?;
        let sql = "INSERT INTO lease VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET holder = ?2, until = ?3 WHERE holder = ?2 OR until <= ?4";
        let taken = tx.exec(sql, [name.into(), holder.into(), until.into(), tx.now.into()]).await? > 0;
        tx.commit().await?;
        Ok(taken)
    }
}

impl Tx<'_> {
    /// One lost lease: cancelled, left to a newer run, buried, or back on the queue to run alone.
    ///
    /// When the whole process died (`restarted`), the job is one suspect of many, so it has more tries.
    async fn lose(&mut self, row: &sea_orm::QueryResult, restarted: bool) -> Result<(), StoreError> {
        let id = JobId(get(row, "id")?);
        let document: Option<Uuid> = get(row, "document")?;
        if get::<i64>(row, "cancel_requested")? != 0 {
            self.close(id, "cancelled", None, None).await?;
            return self.leave_document(document).await;
        }
        if self.newer_waits(row, document).await? {
            return self.close(id, "skipped", None, Some("a newer run took it over".into())).await;
        }
        let (tries, most) = match restarted {
            true => (get::<i64>(row, "losses")? + 1, MAX_RESTARTS),
            false => (get::<i64>(row, "attempts")?, i64::from(MAX_ATTEMPTS)),
        };
        if tries >= most {
            let code = ErrorCode::ExtractCrashed;
            let message =
                format!("the worker was lost during each of {most} attempts; look at the file, then replay the job");
            self.close(id, "dead", Some(code.name()), Some(message.clone())).await?;
            if let Some(document) = document {
                self.end_document(DocumentId(document), &Reason::Failed { code, message }, None, None).await?;
            }
            return Ok(());
        }
        let sql = "UPDATE job SET status = 'pending', ready = 2, losses = losses + 1, attempts = attempts - ?3, run_at = ?1, updated_at = ?1, \
                   lease_owner = NULL, lease_token = NULL, lease_until = NULL WHERE id = ?2";
        self.exec(sql, [self.now.into(), id.0.into(), i64::from(restarted).into()]).await?;
        self.tell(Change::Queued(named(row, "queue")?));
        Ok(())
    }

    /// Whether a newer run is about to do what this job was for.
    async fn newer_waits(&self, row: &sea_orm::QueryResult, document: Option<Uuid>) -> Result<bool, StoreError> {
        let (name, key): (String, String) = (get(row, "name")?, get(row, "key")?);
        let operation: Uuid = get(row, "operation")?;
        let found = match document {
            Some(document) => {
                let sql = format!("{WAITING} AND {OF_DOCUMENT} AND operation > ? LIMIT 1");
                self.row(&sql, [name.into(), key.into(), document.into(), operation.into()]).await?
            }
            None => {
                let sql = format!("{WAITING} AND {OF_COLLECTION} AND operation > ? LIMIT 1");
                let (queue, collection): (String, Uuid) = (get(row, "queue")?, get(row, "collection")?);
                self.row(&sql, [name.into(), key.into(), queue.into(), collection.into(), operation.into()]).await?
            }
        };
        Ok(found.is_some())
    }
}
