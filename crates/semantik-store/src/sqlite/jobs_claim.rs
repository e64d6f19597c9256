//! Enqueueing and claiming.
//!
//! A runnable job is `ready`; a delayed one becomes so when a claim finds its time has come. Taking
//! turns steps from operation to operation through one index, whatever their number of jobs.

use std::collections::BTreeSet;

use sea_orm::{QueryResult, Value};
use semantik_core::id::{CollectionId, JobId, OperationId};
use semantik_core::job::{ClaimedJob, JobQueue, LEASE_MS, NewJob};
use uuid::Uuid;

use super::db::{SqliteStore, Tx, get, json, json_maybe, number, to_json};
use super::error::{corrupt, not_found};
use crate::{Change, StoreError};

const LEASE: &str = "UPDATE job SET status = 'processing', ready = 0, attempts = attempts + 1, lease_owner = ?, \
    lease_token = randomblob(16), lease_until = ?, updated_at = ?";

pub(super) const TAKE: &str = "UPDATE job SET status = 'skipped', ready = 0, error = 'a newer run took it over', updated_at = ? \
    WHERE status = 'pending' AND name = ? AND key = ?";
/// Conditions on waiting jobs, worded so that a partial index answers them: of a document (?),
pub(super) const OF_DOCUMENT: &str =
    "document IS NOT NULL AND status IN ('pending', 'published', 'processing', 'failed') AND document = ?";
/// or of a queue (?) and collection (?) as a whole.
pub(super) const OF_COLLECTION: &str = "queue = ? AND collection = ? AND document IS NULL";

impl SqliteStore {
    pub(super) async fn claim_jobs(
        &self,
        queue: JobQueue,
        owner: &str,
        limit: usize,
    ) -> Result<Vec<ClaimedJob>, StoreError> {
        if limit == 0 || !self.has_runnable(queue).await? {
            return Ok(Vec::new());
        }
        let mut tx = self.begin().await?;
        let sql = "UPDATE job SET ready = CASE WHEN losses > 0 THEN 2 ELSE 1 END WHERE status = 'pending' AND ready = 0 AND queue = ? AND run_at <= ?";
        tx.exec(sql, [queue.as_str().into(), tx.now.into()]).await?;
        let top = tx.top_priority(queue, i64::MAX).await?;
        let mut claimed = tx.claim_alone(queue, owner, top).await?;
        if claimed.is_empty() {
            let turn = self.turns.lock().map_err(corrupt)?.get(&queue).copied();
            let last = tx.claim_in_turns(queue, owner, limit, top, turn.unwrap_or(Uuid::nil()), &mut claimed).await?;
            self.turns.lock().map_err(corrupt)?.insert(queue, last);
        }
        let mut started: Vec<OperationId> = claimed.iter().map(|job| job.operation).collect();
        started.sort_unstable();
        started.dedup();
        for id in started {
            let sql = "UPDATE operation SET status = 'processing', started_at = COALESCE(started_at, ?) WHERE id = ? AND status = 'pending'";
            if tx.exec(sql, [tx.now.into(), id.0.into()]).await? > 0 {
                tx.tell(Change::Operation(id));
            }
        }
        tx.commit().await?;
        Ok(claimed)
    }

    /// Asked of a reader, so that idle workers do not hold up the writer.
    async fn has_runnable(&self, queue: JobQueue) -> Result<bool, StoreError> {
        let sql = "SELECT 1 AS found FROM job WHERE status = 'pending' AND queue = ? AND run_at <= ? LIMIT 1";
        Ok(super::db::row(&self.readers, sql, [queue.as_str().into(), self.clock.now().into()]).await?.is_some())
    }
}

impl Tx<'_> {
    /// Inserts a job unless the same one lives; one of a cancelled operation is cancelled at once, and
    /// its document waits for the next run.
    pub(super) async fn enqueue(&mut self, job: NewJob) -> Result<BTreeSet<OperationId>, StoreError> {
        let document =
            job.payload.get("document").and_then(serde_json::Value::as_str).and_then(|id| id.parse::<Uuid>().ok());
        let inserted = self
            .row(
                "INSERT INTO job (id, operation, collection, document, queue, name, key, payload, priority, status, ready, run_at, created_at, updated_at) \
                 SELECT ?, o.id, ?, ?, ?, ?, ?, ?, ?, CASE WHEN o.cancel_requested THEN 'cancelled' ELSE 'pending' END, NOT o.cancel_requested, ?, ?, ? \
                 FROM operation o WHERE o.id = ? ON CONFLICT DO NOTHING RETURNING status",
                [
                    job.id.0.into(), job.collection.0.into(), document.into(), job.queue.as_str().into(), job.name.into(), job.key.as_str().into(),
                    to_json(&job.payload)?, number(job.priority), self.now.into(), self.now.into(), self.now.into(), job.operation.0.into(),
                ],
            )
            .await?;
        if let Some(row) = inserted {
            if get::<String>(&row, "status")? == "cancelled" {
                self.leave_document(document).await?;
                return Ok(BTreeSet::new());
            }
            let sql = "UPDATE operation SET status = 'processing', ended_at = NULL WHERE id = ? AND ended_at IS NOT NULL AND cancel_requested = 0";
            self.exec(sql, [job.operation.0.into()]).await?;
            self.tell(Change::Queued(job.queue));
            return self.take_over(document, &job).await;
        }
        if self.row("SELECT 1 AS found FROM operation WHERE id = ?", [job.operation.0.into()]).await?.is_none() {
            return Err(not_found("operation", job.operation));
        }
        Ok(BTreeSet::new())
    }

    /// A newer run does what older ones have not begun: their waiting jobs for the same thing end,
    /// so that asking again and again never piles up work. Returns the operations to settle.
    async fn take_over(&mut self, document: Option<Uuid>, job: &NewJob) -> Result<BTreeSet<OperationId>, StoreError> {
        let (now, name, key) = (self.now.into(), job.name.into(), job.key.as_str().into());
        let operation = job.operation.0.into();
        let rows = match document {
            Some(document) => {
                let sql = format!("{TAKE} AND {OF_DOCUMENT} AND operation <> ? RETURNING operation");
                self.rows(&sql, [now, name, key, document.into(), operation]).await?
            }
            None => {
                let sql = format!("{TAKE} AND {OF_COLLECTION} AND operation <> ? RETURNING operation");
                let (queue, collection) = (job.queue.as_str().into(), job.collection.0.into());
                self.rows(&sql, [now, name, key, queue, collection, operation]).await?
            }
        };
        rows.iter().map(|row| Ok(OperationId(get::<Uuid>(row, "operation")?))).collect()
    }

    /// The highest priority with a runnable job, at most `most`.
    async fn top_priority(&self, queue: JobQueue, most: i64) -> Result<Option<i64>, StoreError> {
        let sql =
            "SELECT priority FROM job WHERE ready = 1 AND queue = ? AND priority <= ? ORDER BY priority DESC LIMIT 1";
        let row = self.row(sql, [queue.as_str().into(), most.into()]).await?;
        row.map(|row| get(&row, "priority")).transpose()
    }

    /// A job that was lost before, by itself, unless something more urgent waits.
    async fn claim_alone(&self, queue: JobQueue, owner: &str, top: Option<i64>) -> Result<Vec<ClaimedJob>, StoreError> {
        let sql = format!(
            "{LEASE} WHERE id = (SELECT id FROM job WHERE ready = 2 AND queue = ? AND priority >= ? ORDER BY priority DESC, id LIMIT 1) RETURNING *"
        );
        let values =
            [owner.into(), self.lease_end(), self.now.into(), queue.as_str().into(), top.unwrap_or(i64::MIN).into()];
        self.rows(&sql, values).await?.iter().map(read_claimed).collect()
    }

    /// Fills `claimed` up to `limit`; returns the operation whose turn was last.
    async fn claim_in_turns(
        &self,
        queue: JobQueue,
        owner: &str,
        limit: usize,
        top: Option<i64>,
        mut last: Uuid,
        claimed: &mut Vec<ClaimedJob>,
    ) -> Result<Uuid, StoreError> {
        let mut priority = top;
        while let Some(level) = priority {
            let turns = self.operations_from(queue, level, last, limit - claimed.len()).await?;
            let share = (limit - claimed.len()).div_ceil(turns.len().max(1));
            // First everyone's share, then what others left over.
            for most in [share, limit] {
                for operation in &turns {
                    let room = (limit - claimed.len()).min(most);
                    let jobs = if room == 0 {
                        Vec::new()
                    } else {
                        self.claim_of(queue, level, *operation, owner, room).await?
                    };
                    if !jobs.is_empty() {
                        last = *operation;
                    }
                    claimed.extend(jobs);
                }
            }
            priority = if claimed.len() >= limit || level == i64::MIN {
                None
            } else {
                self.top_priority(queue, level - 1).await?
            };
        }
        Ok(last)
    }

    /// Operations with runnable jobs at this priority, beginning after `last`, at most `most`.
    async fn operations_from(
        &self,
        queue: JobQueue,
        priority: i64,
        last: Uuid,
        most: usize,
    ) -> Result<Vec<Uuid>, StoreError> {
        let sql = "SELECT operation FROM job WHERE ready = 1 AND queue = ? AND priority = ? AND operation > ? ORDER BY operation LIMIT 1";
        let mut found: Vec<Uuid> = Vec::new();
        let (mut from, mut wrapped) = (last.as_bytes().to_vec(), false);
        while found.len() < most {
            match self.row(sql, [queue.as_str().into(), priority.into(), from.clone().into()]).await? {
                Some(row) => {
                    let operation: Uuid = get(&row, "operation")?;
                    if found.first() == Some(&operation) || (wrapped && operation > last) {
                        break;
                    }
                    from = operation.as_bytes().to_vec();
                    found.push(operation);
                }
                None if wrapped => break,
                // Before every id, the empty one included.
                None => (from, wrapped) = (Vec::new(), true),
            }
        }
        Ok(found)
    }

    async fn claim_of(
        &self,
        queue: JobQueue,
        priority: i64,
        operation: Uuid,
        owner: &str,
        most: usize,
    ) -> Result<Vec<ClaimedJob>, StoreError> {
        let sql = format!(
            "{LEASE} WHERE id IN (SELECT id FROM job WHERE ready = 1 AND queue = ? AND priority = ? AND operation = ? ORDER BY id LIMIT ?) RETURNING *"
        );
        let values = [
            owner.into(),
            self.lease_end(),
            self.now.into(),
            queue.as_str().into(),
            priority.into(),
            operation.into(),
            number(most),
        ];
        let mut claimed = self.rows(&sql, values).await?.iter().map(read_claimed).collect::<Result<Vec<_>, _>>()?;
        claimed.sort_by_key(|job| job.id);
        Ok(claimed)
    }

    pub(super) fn lease_end(&self) -> Value {
        Value::from(self.now.saturating_add(LEASE_MS))
    }
}

fn read_claimed(row: &QueryResult) -> Result<ClaimedJob, StoreError> {
    Ok(ClaimedJob {
        id: JobId(get(row, "id")?),
        operation: OperationId(get(row, "operation")?),
        collection: CollectionId(get(row, "collection")?),
        name: get(row, "name")?,
        payload: json(row, "payload")?,
        attempt: u32::try_from(get::<i64>(row, "attempts")?).map_err(corrupt)?,
        token: get(row, "lease_token")?,
        checkpoint: json_maybe(row, "checkpoint")?,
    })
}
