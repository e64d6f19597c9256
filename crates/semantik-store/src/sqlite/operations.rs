//! Operations: their life and their counts.

use std::str::FromStr;

use sea_orm::{ConnectionTrait, QueryResult};
use semantik_core::id::{CollectionId, OperationId};
use semantik_core::job::{JobQueue, JobStatus, NewJob};
use semantik_core::operation::{Operation, OperationKind, Progress};
use uuid::Uuid;

use super::db::{SqliteStore, Tx, count, get, named, number, row, rows};
use super::error::{corrupt, not_found};
use crate::{Change, StoreError};

impl SqliteStore {
    pub(super) async fn insert_operation(
        &self,
        id: OperationId,
        kind: OperationKind,
        collection: CollectionId,
        jobs: Vec<NewJob>,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        tx.exec(
            "INSERT INTO operation (id, kind, collection, status, created_at) VALUES (?, ?, ?, 'pending', ?)",
            [id.0.into(), kind.as_str().into(), collection.0.into(), tx.now.into()],
        )
        .await?;
        for job in jobs {
            for older in tx.enqueue(job).await? {
                tx.settle_operation(older).await?;
            }
        }
        tx.tell(Change::Operation(id));
        tx.commit().await
    }

    pub(super) async fn find_operation(&self, id: OperationId) -> Result<Operation, StoreError> {
        let found = row(&self.readers, "SELECT * FROM operation WHERE id = ?", [id.0.into()]).await?;
        let found = found.ok_or_else(|| not_found("operation", id))?;
        read_operation(&self.readers, &found).await
    }

    pub(super) async fn list_operations(
        &self,
        collection: Option<CollectionId>,
        open_only: bool,
        limit: usize,
    ) -> Result<Vec<Operation>, StoreError> {
        let limit = number(limit.min(1000));
        let open = if open_only { "ended_at IS NULL" } else { "1" };
        let found = match collection {
            Some(id) => {
                let sql = format!("SELECT * FROM operation WHERE collection = ? AND {open} ORDER BY id DESC LIMIT ?");
                rows(&self.readers, &sql, [id.0.into(), limit]).await?
            }
            None => {
                rows(&self.readers, &format!("SELECT * FROM operation WHERE {open} ORDER BY id DESC LIMIT ?"), [limit])
                    .await?
            }
        };
        let mut operations = Vec::with_capacity(found.len());
        for row in &found {
            operations.push(read_operation(&self.readers, row).await?);
        }
        Ok(operations)
    }

    pub(super) async fn cancel(&self, id: OperationId) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        let found = tx.row("SELECT status, ended_at FROM operation WHERE id = ?", [id.0.into()]).await?;
        let found = found.ok_or_else(|| not_found("operation", id))?;
        if get::<Option<i64>>(&found, "ended_at")?.is_some() {
            return Err(StoreError::InvalidState { what: format!("operation {id}"), state: get(&found, "status")? });
        }
        tx.exec("UPDATE operation SET cancel_requested = 1 WHERE id = ?", [id.0.into()]).await?;
        tx.exec(
            "UPDATE document SET status = 'pending', updated_at = ? WHERE status = 'processing' AND id IN \
             (SELECT document FROM job WHERE operation = ? AND status = 'pending' AND document IS NOT NULL)",
            [tx.now.into(), id.0.into()],
        )
        .await?;
        tx.exec(
            "UPDATE job SET status = 'cancelled', ready = 0, updated_at = ? WHERE operation = ? AND status = 'pending'",
            [tx.now.into(), id.0.into()],
        )
        .await?;
        tx.settle_operation(id).await?;
        tx.tell(Change::Operation(id));
        tx.commit().await
    }
}

impl Tx<'_> {
    /// Ends an operation that has no living job left.
    pub(super) async fn settle_operation(&mut self, id: OperationId) -> Result<(), StoreError> {
        let mut dead_scans = 0;
        let mut jobs = 0;
        for (queue, status, rows) in
            job_tally(&self.rows("SELECT kind, rows FROM tally WHERE owner = ?", [id.0.into()]).await?)?
        {
            if !status.is_terminal() && rows > 0 {
                return Ok(());
            }
            jobs += rows;
            if queue == JobQueue::Scan && status == JobStatus::Dead {
                dead_scans += rows;
            }
        }
        let sql = "SELECT cancel_requested, listed FROM operation WHERE id = ? AND ended_at IS NULL";
        let Some(row) = self.row(sql, [id.0.into()]).await? else {
            return Ok(());
        };
        let cancelled = get::<i64>(&row, "cancel_requested")? != 0;
        if jobs == 0 && !cancelled && get::<i64>(&row, "listed")? == 0 {
            // Nothing was ever enqueued: its creator is not done yet.
            return Ok(());
        }
        let status = match (cancelled, dead_scans) {
            (true, _) => "cancelled",
            (false, 0) => "completed",
            (false, _) => "failed",
        };
        self.exec(
            "UPDATE operation SET status = ?1, listed = 1, ended_at = ?2, message = CASE WHEN ?1 = 'failed' THEN \
             (SELECT error FROM job WHERE operation = ?3 AND queue = 'scan' AND status = 'dead' LIMIT 1) END WHERE id = ?3",
            [status.into(), self.now.into(), id.0.into()],
        )
        .await?;
        self.tell(Change::Operation(id));
        Ok(())
    }
}

async fn read_operation(connection: &impl ConnectionTrait, row: &QueryResult) -> Result<Operation, StoreError> {
    let (id, collection): (Uuid, Uuid) = (get(row, "id")?, get(row, "collection")?);
    let mut progress = Progress { listed: get::<i64>(row, "listed")? != 0, ..Progress::default() };
    let tally = "SELECT kind, rows FROM tally WHERE owner = ?";
    for (queue, status, n) in job_tally(&rows(connection, tally, [id.into()]).await?)? {
        progress.jobs_total += n;
        match status {
            JobStatus::Success | JobStatus::Skipped => progress.jobs_done += n,
            JobStatus::Dead | JobStatus::Cancelled => progress.jobs_failed += n,
            JobStatus::Pending | JobStatus::Published | JobStatus::Processing | JobStatus::Failed => {}
        }
        if queue == JobQueue::Extract {
            progress.documents_total += n;
            progress.documents_done += if status.is_terminal() { n } else { 0 };
        }
    }
    for row in rows(connection, tally, [collection.into()]).await? {
        let n = count(&row, "rows")?;
        match get::<String>(&row, "kind")?.as_str() {
            "chunk:0" => progress.chunks_total += n,
            "chunk:1" => {
                progress.chunks_total += n;
                progress.chunks_done += n;
            }
            _ => {}
        }
    }
    Ok(Operation {
        id: OperationId(id),
        kind: named(row, "kind")?,
        collection: CollectionId(collection),
        status: named(row, "status")?,
        cancel_requested: get::<i64>(row, "cancel_requested")? != 0,
        progress,
        message: get(row, "message")?,
        created_at: get(row, "created_at")?,
        started_at: get(row, "started_at")?,
        ended_at: get(row, "ended_at")?,
    })
}

fn job_tally(found: &[QueryResult]) -> Result<Vec<(JobQueue, JobStatus, u64)>, StoreError> {
    let read = |row: &QueryResult| {
        let kind: String = get(row, "kind")?;
        let (queue, status) = kind.split_once(':').ok_or_else(|| corrupt(&kind))?;
        Ok((
            JobQueue::from_str(queue).map_err(corrupt)?,
            JobStatus::from_str(status).map_err(corrupt)?,
            count(row, "rows")?,
        ))
    };
    found.iter().map(read).collect()
}
