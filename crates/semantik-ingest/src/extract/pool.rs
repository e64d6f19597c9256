//! The pool of extractor children: how many there are, when one is started, killed and replaced.
//! A child that broke a limit is never used again, and an idle pool soon has no children at all.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::process::Child;
use super::{Extracted, Limits, Request};
use crate::IngestError;

/// The running program itself, also after its file was replaced by another version.
fn this_program() -> std::io::Result<PathBuf> {
    let itself = PathBuf::from("/proc/self/exe");
    if itself.exists() { Ok(itself) } else { std::env::current_exe() }
}

/// How a pool works.
#[derive(Debug, Clone)]
pub struct PoolOptions {
    /// The program to start; this very program by default.
    pub command: PathBuf,
    /// Arguments that make it call [`super::run_child`].
    pub args: Vec<String>,
    /// Children that work at the same time.
    pub size: usize,
    pub limits: Limits,
    /// Documents after which a child is replaced, because parsers leak.
    pub recycle_after: u32,
    /// How long a child may be idle before it ends.
    pub idle: Duration,
    /// A private folder for what children unpack once (the PDF library) and their temporary files.
    pub scratch: PathBuf,
}

impl PoolOptions {
    /// Options of a pool that starts this program again with `extract-child`.
    ///
    /// # Errors
    /// When the system does not tell which program this is.
    pub fn of_this_program(scratch: PathBuf, limits: Limits, size: usize) -> std::io::Result<Self> {
        Ok(Self {
            command: this_program()?,
            args: vec!["extract-child".to_owned()],
            size,
            limits,
            recycle_after: 500,
            idle: Duration::from_secs(10),
            scratch,
        })
    }
}

/// See the module.
#[derive(Clone)]
pub struct ExtractorPool {
    inner: Arc<Inner>,
}

struct Inner {
    options: PoolOptions,
    permits: Semaphore,
    idle: Mutex<Vec<Idle>>,
}

struct Idle {
    child: Child,
    since: Instant,
}

impl ExtractorPool {
    /// A pool without children yet; they are started when there is something to do.
    pub fn new(options: PoolOptions) -> Self {
        let permits = Semaphore::new(options.size.max(1));
        Self { inner: Arc::new(Inner { options, permits, idle: Mutex::new(Vec::new()) }) }
    }

    /// Children that are alive and have nothing to do.
    pub fn idle_children(&self) -> usize {
        self.inner.idle().len()
    }

    pub(super) async fn run(&self, request: Request, cancel: &CancellationToken) -> Result<Extracted, IngestError> {
        let _permit = tokio::select! {
            biased;
            () = cancel.cancelled() => return Err(IngestError::Cancelled),
            permit = self.inner.permits.acquire() => permit.map_err(|_| IngestError::Cancelled)?,
        };
        let mut child = self.child().await?;
        let result = child.work(&request, &self.inner.options.limits, cancel).await;
        if child.usable() && child.documents() < self.inner.options.recycle_after {
            self.keep(child);
        } else {
            child.end().await;
        }
        result
    }

    /// An idle child that still lives, else a new one.
    async fn child(&self) -> Result<Child, IngestError> {
        loop {
            let Some(idle) = self.inner.idle().pop() else { break };
            let mut child = idle.child;
            if child.alive() {
                return Ok(child);
            }
            child.end().await;
        }
        Child::start(&self.inner.options)
            .await
            .map_err(|e| IngestError::Crashed(format!("the extractor cannot be started: {e}")))
    }

    fn keep(&self, child: Child) {
        self.inner.idle().push(Idle { child, since: Instant::now() });
        let inner = Arc::downgrade(&self.inner);
        let patience = self.inner.options.idle;
        tokio::spawn(async move {
            tokio::time::sleep(patience).await;
            let Some(inner) = inner.upgrade() else { return };
            for child in inner.take_expired(patience) {
                child.end().await;
            }
        });
    }
}

impl Inner {
    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_expired(&self, patience: Duration) -> Vec<Child> {
        let mut idle = self.idle();
        let (expired, kept) = std::mem::take(&mut *idle).into_iter().partition(|one| one.since.elapsed() >= patience);
        *idle = kept;
        let expired: Vec<Idle> = expired;
        expired.into_iter().map(|one| one.child).collect()
    }
}
