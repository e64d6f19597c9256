//! One worker of one queue: claim, run, end, wait.

use std::sync::Arc;
use std::time::{Duration, Instant};

use metrics::{counter, histogram};
use semantik_core::ErrorCode;
use semantik_core::document::Reason;
use semantik_core::id::DocumentId;
use semantik_core::job::{ClaimedJob, JobFailure, JobQueue, MAX_ATTEMPTS};
use semantik_store::{Change, Commit, DocumentChange, Ended, JobOutcome, StoreError};
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

use super::leases::Leases;
use super::{
    DeleteCollection, DeleteSource, ExtractDocument, JobKind, PurgeDocuments, RenamePoints, ScanSource, embed_chunks,
};
use crate::{App, AppError};

/// Longest sleep without looking at the queue.
const IDLE: Duration = Duration::from_secs(5);
/// Pause when the surroundings fail (full disk, missing model).
const TROUBLE: Duration = Duration::from_secs(2);

/// A worker.
pub(super) struct Worker {
    pub(super) app: App,
    pub(super) queue: JobQueue,
    pub(super) owner: &'static str,
    pub(super) leases: Arc<Leases>,
    pub(super) drain: CancellationToken,
    pub(super) stop: CancellationToken,
}

/// How a round went.
enum Round {
    Worked,
    Idle,
    Trouble,
}

impl Worker {
    /// Works until drained.
    pub(super) async fn run(self) {
        let mut changes = self.app.changes();
        while !self.drain.is_cancelled() {
            let round = match self.queue {
                JobQueue::Embed => self.embed_round().await,
                JobQueue::Scan | JobQueue::Extract | JobQueue::Maintain => self.single_round().await,
            };
            match round {
                Round::Worked => {}
                Round::Idle => self.wait(&mut changes).await,
                Round::Trouble => self.pause(TROUBLE).await,
            }
        }
    }

    async fn single_round(&self) -> Round {
        let job = match self.claim(1).await {
            Ok(mut jobs) => match jobs.pop() {
                Some(job) => job,
                None => return Round::Idle,
            },
            Err(round) => return round,
        };
        let cancel = self.leases.hold(&job, &self.stop);
        let began = Instant::now();
        let result = self.dispatch(&job, &cancel).await;
        self.count(&result, began.elapsed());
        let round = self.end(&job, result).await;
        self.leases.release(job.id);
        round
    }

    async fn embed_round(&self) -> Round {
        let jobs = match self.claim(embed_chunks::JOBS_PER_ROUND).await {
            Ok(jobs) if jobs.is_empty() => return Round::Idle,
            Ok(jobs) => jobs,
            Err(round) => return round,
        };
        let held: Vec<_> = jobs.iter().map(|job| (job.clone(), self.leases.hold(job, &self.stop))).collect();
        let began = Instant::now();
        let results = embed_chunks::run_many(&self.app, &held).await;
        // Jobs of a round run together: each took its part of the time.
        let each = began.elapsed() / u32::try_from(results.len()).unwrap_or(u32::MAX);
        for result in &results {
            self.count(result.as_ref().unwrap_or(&Ok(())), each);
        }
        let mut round = Round::Worked;
        for ((job, _), result) in held.iter().zip(results) {
            // Jobs that succeeded ended inside `run_many`, together with their chunks.
            if let Some(result) = result
                && let Round::Trouble = self.end(job, result.map(|()| Commit::default())).await
            {
                round = Round::Trouble;
            }
            self.leases.release(job.id);
        }
        round
    }

    /// Counts a job that ended, whatever is stored of it.
    fn count<T>(&self, result: &Result<T, AppError>, time: Duration) {
        let (worker, status) = (self.queue.as_str(), if result.is_ok() { "success" } else { "failure" });
        counter!("worker_jobs_total", "worker" => worker, "status" => status).increment(1);
        histogram!("worker_job_duration_seconds", "worker" => worker).record(time.as_secs_f64());
    }

    async fn claim(&self, limit: usize) -> Result<Vec<ClaimedJob>, Round> {
        self.app.store().claim(self.queue, self.owner, limit).await.map_err(|error| {
            tracing::warn!(%error, queue = %self.queue, "no job could be claimed");
            Round::Trouble
        })
    }

    /// Runs a job; what it returns is committed together with its end.
    async fn dispatch(&self, job: &ClaimedJob, cancel: &CancellationToken) -> Result<Commit, AppError> {
        let app = &self.app;
        match job.name.as_str() {
            ScanSource::NAME => ScanSource::read(job)?.run(app, job, cancel).await,
            ExtractDocument::NAME => ExtractDocument::read(job)?.run(app, job, cancel).await,
            PurgeDocuments::NAME => PurgeDocuments::read(job)?.run(app).await,
            RenamePoints::NAME => RenamePoints::read(job)?.run(app, cancel).await,
            DeleteSource::NAME => DeleteSource::read(job)?.run(app, cancel).await,
            DeleteCollection::NAME => DeleteCollection::read(job)?.run(app, cancel).await,
            other => Err(AppError::Internal(format!("no job type is called `{other}`"))),
        }
    }

    async fn end(&self, job: &ClaimedJob, result: Result<Commit, AppError>) -> Round {
        let (mut commit, round) = match result {
            Ok(commit) => (commit, Round::Worked),
            Err(error) => self.failure(job, &error),
        };
        if commit.ended.is_empty() {
            commit.ended.push(Ended { id: job.id, token: job.token, outcome: JobOutcome::Success });
        }
        match self.app.store().commit(commit).await {
            Ok(()) => round,
            // Cancelled, deleted or taken over: what we did is repeated or no longer wanted.
            Err(StoreError::LeaseLost { .. } | StoreError::NotFound { .. }) => Round::Worked,
            Err(error) => {
                tracing::warn!(%error, job = %job.id, name = %job.name, "the end of a job could not be stored");
                self.hand_back(job).await;
                Round::Trouble
            }
        }
    }

    fn failure(&self, job: &ClaimedJob, error: &AppError) -> (Commit, Round) {
        let ended = |outcome| vec![Ended { id: job.id, token: job.token, outcome }];
        if matches!(error, AppError::Cancelled) || self.stop.is_cancelled() {
            return (Commit { ended: ended(JobOutcome::Released), ..Commit::default() }, Round::Worked);
        }
        if error.is_environment() {
            tracing::warn!(%error, hint = error.hint(), name = %job.name, "work waits until this is mended");
            return (Commit { ended: ended(JobOutcome::Released), ..Commit::default() }, Round::Trouble);
        }
        let (code, message) = (error.code(), error.to_string());
        // Only this collection's work waits: others may be made with the model that runs.
        if code == ErrorCode::ModelMismatch {
            tracing::warn!(%error, hint = error.hint(), name = %job.name, "a job waits until its model is back");
            let failure = JobFailure { code, message, permanent: false };
            return (Commit { ended: ended(JobOutcome::Delayed(failure)), ..Commit::default() }, Round::Worked);
        }
        let permanent = !code.retryable();
        tracing::info!(%code, %message, attempt = job.attempt, permanent, name = %job.name, "an attempt failed");
        let mut commit = Commit {
            ended: ended(JobOutcome::Failed(JobFailure { code, message: message.clone(), permanent })),
            ..Commit::default()
        };
        if permanent || job.attempt >= MAX_ATTEMPTS {
            let reason = Reason::Failed { code, message };
            let document =
                job.payload.get("document").and_then(|id| id.as_str()).and_then(|id| id.parse::<DocumentId>().ok());
            commit.documents.extend(document.map(|id| DocumentChange::Ended {
                id,
                reason,
                mime: None,
                content_hash: None,
            }));
        }
        (commit, Round::Worked)
    }

    /// The job's own changes could not be stored, so at least the lease goes back.
    async fn hand_back(&self, job: &ClaimedJob) {
        let ended = vec![Ended { id: job.id, token: job.token, outcome: JobOutcome::Released }];
        if let Err(error) = self.app.store().commit(Commit { ended, ..Commit::default() }).await {
            tracing::warn!(%error, job = %job.id, "a job could not be handed back; its lease will run out");
        }
    }

    /// Sleeps until something is queued, a delayed job is due, or a while has passed.
    async fn wait(&self, changes: &mut broadcast::Receiver<Change>) {
        let due = self.app.store().next_run_in(self.queue).await.ok().flatten();
        let limit = due.map_or(IDLE, |ms| Duration::from_millis(ms.max(10)).min(IDLE));
        let woken = async {
            loop {
                match changes.recv().await {
                    Ok(Change::Queued(queue)) if queue == self.queue => return,
                    Ok(_) => {}
                    Err(broadcast::error::RecvError::Lagged(_)) => return,
                    Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
                }
            }
        };
        tokio::select! {
            () = self.drain.cancelled() => {}
            () = woken => {}
            () = tokio::time::sleep(limit) => {}
        }
    }

    async fn pause(&self, time: Duration) {
        tokio::select! {
            () = self.drain.cancelled() => {}
            () = tokio::time::sleep(time) => {}
        }
    }
}
