//! The leases this process holds: renewed once a second, and the way a running job hears that it
//! was cancelled or lost.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use semantik_core::id::JobId;
use semantik_core::job::{ClaimedJob, HEARTBEAT_MS};
use semantik_store::LeaseState;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::App;

/// Leases by job.
#[derive(Default)]
pub(super) struct Leases {
    held: Mutex<HashMap<JobId, (Uuid, CancellationToken)>>,
}

impl Leases {
    /// Takes a claimed job under care; the token fires when it must stop.
    pub(super) fn hold(&self, job: &ClaimedJob, parent: &CancellationToken) -> CancellationToken {
        let token = parent.child_token();
        self.lock().insert(job.id, (job.token, token.clone()));
        token
    }

    /// Forgets a job that ended.
    pub(super) fn release(&self, job: JobId) {
        self.lock().remove(&job);
    }

    /// Renews until `stop` fires.
    pub(super) async fn renew(&self, app: &App, stop: &CancellationToken) {
        let mut tick = tokio::time::interval(Duration::from_millis(HEARTBEAT_MS));
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = tick.tick() => self.beat(app).await,
            }
        }
    }

    async fn beat(&self, app: &App) {
        let leases: Vec<(JobId, Uuid)> = self.lock().iter().map(|(id, (token, _))| (*id, *token)).collect();
        if leases.is_empty() {
            return;
        }
        match app.store().heartbeat(&leases).await {
            Ok(states) => {
                for ((id, _), state) in leases.iter().zip(states) {
                    match state {
                        LeaseState::Held => {}
                        LeaseState::Cancelled | LeaseState::Lost => self.stop(*id),
                    }
                }
            }
            // The work goes on: a lease nobody else took is renewed by the next beat.
            Err(error) => tracing::warn!(%error, "leases could not be renewed"),
        }
    }

    fn stop(&self, job: JobId) {
        if let Some((_, token)) = self.lock().get(&job) {
            token.cancel();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<JobId, (Uuid, CancellationToken)>> {
        self.held.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
