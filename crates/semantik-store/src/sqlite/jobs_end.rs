//! How an attempt ends: success, retry, dead-letter, hand-back, replay.

use std::time::Duration;

use rand::Rng;
use semantik_core::id::{DocumentId, JobId, OperationId};
use semantik_core::job::{DELAY_S, JobFailure, JobQueue, MAX_ATTEMPTS, RETRY_DELAYS_S};
use uuid::Uuid;

use super::db::{SqliteStore, Tx, get, named};
use super::error::not_found;
use crate::{Change, Ended, JobOutcome, StoreError};

const OVER: &str = "lease_owner = NULL, lease_token = NULL, lease_until = NULL";

impl Tx<'_> {
    /// Ends a claimed job while its token holds; the operation it belongs to.
    pub(super) async fn end_job(&mut self, ended: Ended) -> Result<OperationId, StoreError> {
        let Ended { id, token, outcome } = ended;
        let sql = "SELECT j.operation, j.queue, j.attempts, j.document, o.cancel_requested FROM job j JOIN operation o ON o.id = j.operation \
                   WHERE j.id = ? AND j.lease_token = ? AND j.status = 'processing'";
        let row = self.row(sql, [id.0.into(), token.into()]).await?.ok_or(StoreError::LeaseLost { job: id })?;
        let operation = OperationId(get(&row, "operation")?);
        let cancelled = get::<i64>(&row, "cancel_requested")? != 0;
        let queue: JobQueue = named(&row, "queue")?;
        match outcome {
            JobOutcome::Success => self.close(id, "success", None, None).await?,
            JobOutcome::Skipped(_) | JobOutcome::Failed(_) | JobOutcome::Released | JobOutcome::Delayed(_)
                if cancelled =>
            {
                self.close(id, "cancelled", None, None).await?;
                self.leave_document(get(&row, "document")?).await?;
            }
            JobOutcome::Skipped(why) => self.close(id, "skipped", None, Some(why)).await?,
            JobOutcome::Failed(failure) => self.fail(id, queue, get(&row, "attempts")?, failure).await?,
            JobOutcome::Released => {
                let sql = format!(
                    "UPDATE job SET status = 'pending', ready = CASE WHEN losses > 0 THEN 2 ELSE 1 END, attempts = max(attempts - 1, 0), \
                     run_at = ?1, updated_at = ?1, {OVER} WHERE id = ?2"
                );
                self.exec(&sql, [self.now.into(), id.0.into()]).await?;
                self.tell(Change::Queued(queue));
            }
            JobOutcome::Delayed(failure) => {
                let attempts = get::<i64>(&row, "attempts")?.saturating_sub(1).max(0);
                self.put_off(id, queue, attempts, DELAY_S.saturating_mul(1000), failure).await?;
            }
        }
        Ok(operation)
    }

    /// Lets a job wait for so many milliseconds.
    async fn put_off(
        &mut self,
        id: JobId,
        queue: JobQueue,
        attempts: i64,
        delay_ms: i64,
        failure: JobFailure,
    ) -> Result<(), StoreError> {
        let run_at = self.now.saturating_add(delay_ms);
        let sql = format!(
            "UPDATE job SET status = 'pending', ready = 0, attempts = ?, run_at = ?, error_code = ?, error = ?, updated_at = ?, {OVER} WHERE id = ?"
        );
        let (code, message) = (failure.code.name(), failure.message);
        let values = [attempts.into(), run_at.into(), code.into(), message.into(), self.now.into(), id.0.into()];
        self.exec(&sql, values).await?;
        self.tell(Change::Queued(queue));
        Ok(())
    }

    async fn fail(&mut self, id: JobId, queue: JobQueue, attempts: i64, failure: JobFailure) -> Result<(), StoreError> {
        if failure.permanent || attempts >= i64::from(MAX_ATTEMPTS) {
            return self.close(id, "dead", Some(failure.code.name()), Some(failure.message)).await;
        }
        let delay = retry_delay_ms(attempts, rand::rng().random_range(0.8..=1.2));
        self.put_off(id, queue, attempts, delay, failure).await
    }

    pub(super) async fn close(
        &mut self,
        id: JobId,
        status: &str,
        code: Option<&str>,
        error: Option<String>,
    ) -> Result<(), StoreError> {
        let sql = format!(
            "UPDATE job SET status = ?, ready = 0, error_code = ?, error = ?, updated_at = ?, {OVER} WHERE id = ?"
        );
        self.exec(&sql, [status.into(), code.into(), error.into(), self.now.into(), id.0.into()]).await?;
        Ok(())
    }

    /// The document of a cancelled job waits for another operation.
    pub(super) async fn leave_document(&mut self, document: Option<Uuid>) -> Result<(), StoreError> {
        let Some(id) = document else { return Ok(()) };
        let sql = "UPDATE document SET status = 'pending', updated_at = ? WHERE id = ? AND status = 'processing'";
        if self.exec(sql, [self.now.into(), id.into()]).await? > 0 {
            self.tell(Change::Document(DocumentId(id)));
        }
        Ok(())
    }
}

/// Milliseconds until the attempt after `attempts`; `jitter` around 1 spreads a herd.
fn retry_delay_ms(attempts: i64, jitter: f64) -> i64 {
    let step = usize::try_from(attempts.max(1) - 1).unwrap_or(usize::MAX).min(RETRY_DELAYS_S.len() - 1);
    let delay = Duration::from_secs(RETRY_DELAYS_S[step]).mul_f64(jitter);
    i64::try_from(delay.as_millis()).unwrap_or(i64::MAX)
}

impl SqliteStore {
    pub(super) async fn replay_job(&self, id: JobId) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        let sql = "SELECT operation, queue, document, status FROM job WHERE id = ?";
        let row = tx.row(sql, [id.0.into()]).await?.ok_or_else(|| not_found("job", id))?;
        let status: String = get(&row, "status")?;
        if status != "dead" {
            return Err(StoreError::InvalidState { what: format!("job {id}"), state: status });
        }
        tx.exec(
            "UPDATE job SET status = 'pending', ready = 1, attempts = 0, losses = 0, run_at = ?1, error_code = NULL, error = NULL, updated_at = ?1 WHERE id = ?2",
            [tx.now.into(), id.0.into()],
        )
        .await
        .map_err(|e| match e {
            StoreError::AlreadyExists { .. } => StoreError::AlreadyExists { what: format!("a living job like {id}") },
            other => other,
        })?;
        let operation = OperationId(get(&row, "operation")?);
        let sql = "UPDATE operation SET status = 'processing', cancel_requested = 0, message = NULL, ended_at = NULL WHERE id = ?";
        tx.exec(sql, [operation.0.into()]).await?;
        if let Some(document) = get::<Option<Uuid>>(&row, "document")? {
            let sql = "UPDATE document SET status = 'pending', reason = NULL, updated_at = ? WHERE id = ? AND status <> 'deleting'";
            tx.exec(sql, [tx.now.into(), document.into()]).await?;
            tx.tell(Change::Document(DocumentId(document)));
        }
        tx.tell(Change::Queued(named(&row, "queue")?));
        tx.tell(Change::Operation(operation));
        tx.commit().await
    }
}

#[cfg(test)]
mod tests {
    use super::retry_delay_ms;

    #[test]
    fn delays_grow_and_stay_at_the_last_step() {
        let delays: Vec<i64> = (1..=6).map(|attempts| retry_delay_ms(attempts, 1.0)).collect();
        assert_eq!(delays, [30_000, 60_000, 120_000, 300_000, 300_000, 300_000]);
        assert_eq!(retry_delay_ms(1, 0.8), 24_000);
        assert_eq!(retry_delay_ms(1, 1.2), 36_000);
    }
}
