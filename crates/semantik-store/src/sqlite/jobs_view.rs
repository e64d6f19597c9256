//! The queue as people see it.

use sea_orm::{QueryResult, Value};
use semantik_core::id::{JobId, OperationId};
use semantik_core::job::{JobQueue, JobStatus, JobView};

use super::db::{SqliteStore, count, get, named, number, row, rows};
use super::error::corrupt;
use crate::{QueueStats, StoreError};

impl SqliteStore {
    pub(super) async fn due_in(&self, queue: JobQueue) -> Result<Option<u64>, StoreError> {
        let sql = "SELECT run_at FROM job WHERE status = 'pending' AND queue = ? ORDER BY run_at LIMIT 1";
        let Some(row) = row(&self.readers, sql, [queue.as_str().into()]).await? else {
            return Ok(None);
        };
        Ok(Some(u64::try_from(get::<i64>(&row, "run_at")? - self.clock.now()).unwrap_or(0)))
    }

    pub(super) async fn list_jobs(
        &self,
        operation: Option<OperationId>,
        status: Option<JobStatus>,
        limit: usize,
    ) -> Result<Vec<JobView>, StoreError> {
        let (mut sql, mut values) = (String::from("SELECT * FROM job WHERE 1"), Vec::new());
        if let Some(operation) = operation {
            sql.push_str(" AND operation = ?");
            values.push(Value::from(operation.0));
        }
        if let Some(status) = status {
            // A literal, so that the partial indexes apply; the names are our own.
            sql.push_str(&format!(" AND status = '{status}'"));
        }
        sql.push_str(" ORDER BY id DESC LIMIT ?");
        values.push(number(limit.min(1000)));
        rows(&self.readers, &sql, values).await?.iter().map(read_view).collect()
    }

    pub(super) async fn count_queue(&self, queue: JobQueue) -> Result<QueueStats, StoreError> {
        let sql = "SELECT (SELECT COUNT(*) FROM job WHERE status = 'pending' AND queue = ?1 AND run_at <= ?2) AS pending, \
                   (SELECT COUNT(*) FROM job WHERE status = 'pending' AND queue = ?1 AND run_at > ?2) AS delayed, \
                   (SELECT COUNT(*) FROM job WHERE status = 'processing' AND queue = ?1) AS processing, \
                   (SELECT COUNT(*) FROM job WHERE status = 'dead' AND queue = ?1) AS dead, \
                   COALESCE((SELECT MIN(run_at) FROM job WHERE status = 'pending' AND queue = ?1 AND run_at <= ?2), ?2) AS oldest";
        let now = self.clock.now();
        let row =
            row(&self.readers, sql, [queue.as_str().into(), now.into()]).await?.ok_or_else(|| corrupt("no counts"))?;
        Ok(QueueStats {
            pending: count(&row, "pending")?,
            delayed: count(&row, "delayed")?,
            processing: count(&row, "processing")?,
            dead: count(&row, "dead")?,
            oldest_ms: u64::try_from(now - get::<i64>(&row, "oldest")?).unwrap_or(0),
        })
    }

    pub(super) async fn check_pages(&self) -> Result<Vec<String>, StoreError> {
        let mut problems = Vec::new();
        for row in rows(&self.readers, "PRAGMA integrity_check", []).await? {
            let text: String = get(&row, "integrity_check")?;
            if text != "ok" {
                problems.push(text);
            }
        }
        for row in
            rows(&self.readers, "SELECT \"table\" AS child, parent FROM pragma_foreign_key_check LIMIT 100", []).await?
        {
            problems.push(format!(
                "a row of {} refers to a row of {} that does not exist",
                get::<String>(&row, "child")?,
                get::<String>(&row, "parent")?
            ));
        }
        Ok(problems)
    }
}

fn read_view(row: &QueryResult) -> Result<JobView, StoreError> {
    Ok(JobView {
        id: JobId(get(row, "id")?),
        operation: OperationId(get(row, "operation")?),
        queue: named(row, "queue")?,
        name: get(row, "name")?,
        key: get(row, "key")?,
        status: named(row, "status")?,
        attempts: u32::try_from(get::<i64>(row, "attempts")?).map_err(corrupt)?,
        run_at: get(row, "run_at")?,
        lease_until: get(row, "lease_until")?,
        error_code: get(row, "error_code")?,
        error: get(row, "error")?,
        created_at: get(row, "created_at")?,
        updated_at: get(row, "updated_at")?,
    })
}
