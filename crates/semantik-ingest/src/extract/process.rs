//! One extractor child as its parent sees it: started with a bare environment, asked one document
//! at a time, killed when it breaks a limit.

use std::collections::VecDeque;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{ChildStdin, ChildStdout, Command};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::pool::PoolOptions;
use super::protocol::{Failure, Hello, Reply, Task, frame};
use super::{Extracted, Limits, Request};
use crate::IngestError;

/// Lines of standard error kept to explain a death.
const KEPT_LINES: usize = 12;
/// What JSON may add to the text it carries.
const FRAME_SLACK: u64 = 64 << 20;
/// Variables a child inherits; everything else may be a secret.
const INHERITED: [&str; 5] = ["PATH", "LANG", "LC_ALL", "TESSDATA_PREFIX", "LD_LIBRARY_PATH"];

pub(super) struct Child {
    process: tokio::process::Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    lines: Arc<Mutex<VecDeque<String>>>,
    reader: JoinHandle<()>,
    documents: u32,
    usable: bool,
}

impl Child {
    pub(super) async fn start(options: &PoolOptions) -> std::io::Result<Self> {
        prepare_scratch(options)?;
        let mut command = Command::new(&options.command);
        command.args(&options.args).env_clear();
        for name in INHERITED {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command.env("TMPDIR", &options.scratch).env("HOME", &options.scratch);
        command.env("MALLOC_ARENA_MAX", "2").env("RAYON_NUM_THREADS", "1").env("TOKIO_WORKER_THREADS", "1");
        command.env("OMP_THREAD_LIMIT", "1");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut process = command.spawn()?;
        let missing = || std::io::Error::other("a pipe of the child is missing");
        let mut input = process.stdin.take().ok_or_else(missing)?;
        let output = BufReader::new(process.stdout.take().ok_or_else(missing)?);
        let errors = BufReader::new(process.stderr.take().ok_or_else(missing)?);
        let lines = Arc::new(Mutex::new(VecDeque::new()));
        let reader = tokio::spawn(keep_last_lines(errors, Arc::clone(&lines)));
        input.write_all(&frame(&Hello { limits: options.limits.clone() })?).await?;
        Ok(Self { process, input, output, lines, reader, documents: 0, usable: true })
    }

    /// Whether it may get another document.
    pub(super) fn usable(&self) -> bool {
        self.usable
    }

    pub(super) fn documents(&self) -> u32 {
        self.documents
    }

    pub(super) fn alive(&mut self) -> bool {
        matches!(self.process.try_wait(), Ok(None))
    }

    /// Kills the child and waits until it is gone.
    pub(super) async fn end(mut self) {
        if let Err(error) = self.process.kill().await {
            tracing::debug!(%error, "an extractor child was gone before it was ended");
        }
        self.reader.abort();
    }

    pub(super) async fn work(
        &mut self,
        request: &Request,
        limits: &Limits,
        cancel: &CancellationToken,
    ) -> Result<Extracted, IngestError> {
        // A future dropped in the middle leaves an answer in the pipe; such a child is dropped too.
        self.usable = false;
        self.documents += 1;
        let patience = Duration::from_secs(limits.seconds);
        let answer = tokio::select! {
            biased;
            () = cancel.cancelled() => return Err(IngestError::Cancelled),
            answer = tokio::time::timeout(patience, self.exchange(request, limits)) => answer,
        };
        match answer {
            Err(_) => Err(IngestError::Timeout { seconds: limits.seconds }),
            Ok(Err(Broken::TooMuch)) => {
                Err(IngestError::Bomb(format!("the result is larger than {} bytes", limits.output_bytes)))
            }
            Ok(Err(Broken::Died)) => Err(self.obituary(limits).await),
            Ok(Ok(Ok(extracted))) => {
                self.usable = true;
                Ok(extracted)
            }
            Ok(Ok(Err(failure))) => {
                self.usable = !matches!(failure, Failure::Panicked(_));
                Err(error_of(failure))
            }
        }
    }

    async fn exchange(&mut self, request: &Request, limits: &Limits) -> Result<Result<Extracted, Failure>, Broken> {
        let most = limits.output_bytes.saturating_mul(2).saturating_add(FRAME_SLACK);
        self.input.write_all(&frame(&Task::new(request))?).await?;
        let length = self.output.read_u64_le().await?;
        let json = self.body(length, most).await?;
        let reply: Reply = serde_json::from_slice(&json).map_err(|_| Broken::Died)?;
        let mut extracted = match reply.result {
            Ok(extracted) => extracted,
            Err(failure) => return Ok(Err(failure)),
        };
        let total = reply.member_bytes.iter().fold(0_u64, |sum, size| sum.saturating_add(*size));
        if total > limits.output_bytes || extracted.members.len() != reply.member_bytes.len() {
            return Err(Broken::TooMuch);
        }
        for (member, size) in extracted.members.iter_mut().zip(reply.member_bytes) {
            member.bytes = self.body(size, limits.output_bytes).await?;
        }
        Ok(Ok(extracted))
    }

    async fn body(&mut self, length: u64, most: u64) -> Result<Vec<u8>, Broken> {
        if length > most {
            return Err(Broken::TooMuch);
        }
        let mut bytes = Vec::new();
        let read = (&mut self.output).take(length).read_to_end(&mut bytes).await?;
        if read as u64 == length { Ok(bytes) } else { Err(Broken::Died) }
    }

    /// Why the child died, from its exit and its last words.
    async fn obituary(&mut self, limits: &Limits) -> IngestError {
        // Its output ended, so it is dead or about to be; killing makes sure that the wait ends.
        let grace = Duration::from_secs(2);
        let status = match tokio::time::timeout(grace, self.process.wait()).await {
            Ok(status) => status.ok(),
            Err(_) => {
                let _ = self.process.start_kill();
                self.process.wait().await.ok()
            }
        };
        let _ = tokio::time::timeout(grace, &mut self.reader).await;
        let lines: Vec<String> = self.lines.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect();
        let said = lines.join("; ");
        let starved = ["memory allocation of", "bad_alloc", "out of memory", "Out of memory", "Cannot allocate memory"];
        if starved.iter().any(|sign| said.contains(sign)) {
            return IngestError::Memory { mib: limits.memory_bytes >> 20 };
        }
        let how = status.map_or_else(|| "it is gone".to_owned(), |status| status.to_string());
        IngestError::Crashed(if said.is_empty() { how } else { format!("{how}: {said}") })
    }
}

/// Why there is no answer.
enum Broken {
    Died,
    TooMuch,
}

impl From<std::io::Error> for Broken {
    fn from(_: std::io::Error) -> Self {
        Self::Died
    }
}

fn error_of(failure: Failure) -> IngestError {
    match failure {
        Failure::Vanished => IngestError::Vanished,
        Failure::Unreadable(why) => IngestError::Unreadable(why),
        Failure::Broken(why) => IngestError::Broken(why),
        Failure::Bomb(why) => IngestError::Bomb(why),
        Failure::Panicked(why) => IngestError::Crashed(why),
    }
}

/// The scratch folder, readable by nobody else: a library is loaded from it.
fn prepare_scratch(options: &PoolOptions) -> std::io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&options.scratch)?;
    std::fs::set_permissions(&options.scratch, std::fs::Permissions::from_mode(0o700))
}

async fn keep_last_lines(mut errors: BufReader<tokio::process::ChildStderr>, lines: Arc<Mutex<VecDeque<String>>>) {
    let mut line = Vec::new();
    loop {
        line.clear();
        // A line without an end is cut, so that a child cannot fill its parent's memory.
        let read = (&mut errors).take(4 << 10).read_until(b'\n', &mut line).await;
        if !matches!(read, Ok(count) if count > 0) {
            return;
        }
        let text: String = String::from_utf8_lossy(&line).trim().chars().take(300).collect();
        let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == KEPT_LINES {
            lines.pop_front();
        }
        lines.push_back(text);
    }
}
