//! Starting and stopping the background work of a process.

use std::sync::Arc;
use std::time::Duration;

use semantik_core::job::JobQueue;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::leases::Leases;
use super::worker::Worker;
use crate::{App, AppError, reconcile};

/// The owner name of leases in a data folder: one process at a time holds the folder's lock, so
/// whatever this name holds at start is left over from a process that is gone.
const OWNER: &str = "local";

const REAP_EVERY: Duration = Duration::from_secs(5);

/// The running background work.
pub struct Workers {
    app: App,
    /// No new jobs are claimed.
    drain: CancellationToken,
    /// Running jobs stop at the next page or batch.
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

impl Workers {
    pub(crate) async fn start(app: App) -> Result<Self, AppError> {
        let lost = app.store().reap(Some(OWNER)).await?;
        if lost > 0 {
            tracing::info!(jobs = lost, "jobs of an interrupted run go on");
        }
        let (drain, stop) = (CancellationToken::new(), CancellationToken::new());
        let leases = Arc::new(Leases::default());
        let mut tasks = JoinSet::new();
        for (queue, count) in [
            (JobQueue::Scan, 1),
            (JobQueue::Extract, extract_workers(&app)),
            // While one stores vectors the other has some computed.
            (JobQueue::Embed, 2),
            (JobQueue::Maintain, 1),
        ] {
            for _ in 0..count {
                let worker = Worker {
                    app: app.clone(),
                    queue,
                    owner: OWNER,
                    leases: leases.clone(),
                    drain: drain.clone(),
                    stop: stop.clone(),
                };
                tasks.spawn(async move { worker.run().await });
            }
        }
        tasks.spawn({
            let (app, leases, stop) = (app.clone(), leases.clone(), stop.clone());
            async move { leases.renew(&app, &stop).await }
        });
        tasks.spawn(reap_regularly(app.clone(), stop.clone()));
        tasks.spawn(reconcile::run_regularly(app.clone(), drain.clone()));
        Ok(Self { app, drain, stop, tasks })
    }

    /// Stops: running jobs end at their next page or batch and are handed back, nothing is lost.
    /// What has not ended after the shutdown timeout is left to the next start.
    pub async fn stop(mut self) {
        self.drain.cancel();
        self.stop.cancel();
        let patience = Duration::from_secs(self.app.config().server.shutdown_timeout_s);
        let ended = tokio::time::timeout(patience, async { while self.tasks.join_next().await.is_some() {} }).await;
        if ended.is_err() {
            tracing::warn!("some jobs did not stop in time; the next start takes them up again");
            self.tasks.abort_all();
        }
        for index in self.app.store().indexes().await.unwrap_or_default() {
            if let Ok(open) = self.app.parts.engine.open(index.id, index.dimensions).await
                && let Err(error) = open.flush().await
            {
                tracing::warn!(%error, "an index could not be flushed");
            }
        }
    }
}

fn extract_workers(app: &App) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let wanted = app.config().extract.workers;
    let pool = if wanted == 0 { cores.min(4) } else { wanted };
    pool.min(app.config().max_concurrent_jobs)
}

async fn reap_regularly(app: App, stop: CancellationToken) {
    let mut tick = tokio::time::interval(REAP_EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = tick.tick() => match app.store().reap(None).await {
                Ok(0) => {}
                Ok(jobs) => tracing::warn!(jobs, "leases ran out; their jobs went back to the queue"),
                Err(error) => tracing::warn!(%error, "lost leases could not be looked for"),
            },
        }
    }
}
