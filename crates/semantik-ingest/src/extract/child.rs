//! The child process: reads tasks from standard input, answers on standard output, and ends when
//! the input does. It trusts nothing it parses and is thrown away when anything goes wrong.

use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};

use semantik_core::document::SkipReason;
use sha2::{Digest as _, Sha256};

use super::formats::{self, Content};
use super::protocol::{Failure, Hello, Task, read_frame, write_reply};
use super::{Extracted, Limits, Outcome, Request, sandbox};

/// Serves tasks until standard input ends. The program's hidden subcommand is nothing but this.
///
/// # Errors
/// When standard input or output breaks; the parent is gone then.
pub fn run() -> io::Result<()> {
    let mut output = sandbox::take_stdout()?;
    let mut input = io::stdin().lock();
    let Some(Hello { limits }) = read_frame(&mut input)? else { return Ok(()) };
    sandbox::enter(&limits);
    sandbox::die_with_parent();
    while let Some(task) = read_frame::<Task>(&mut input)? {
        let request = task.request();
        let result = catch_unwind(AssertUnwindSafe(|| extract(&request, &limits)))
            .unwrap_or_else(|panic| Err(Failure::Panicked(panic_text(panic.as_ref()))));
        let panicked = matches!(result, Err(Failure::Panicked(_)));
        write_reply(&mut output, result)?;
        if panicked {
            // What a panic left half done must not meet the next document.
            return Ok(());
        }
    }
    Ok(())
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
    text.unwrap_or("a parser gave up").to_owned()
}

fn extract(request: &Request, limits: &Limits) -> Result<Extracted, Failure> {
    #[cfg(debug_assertions)]
    misbehave(&request.name);
    let read = read(request, limits)?;
    let skipped = |policy, message: String| Content::skipped("application/octet-stream", policy, message);
    let content = match &read.bytes {
        None => skipped(
            SkipReason::TooLarge,
            format!("the file has {} bytes, more than the limit of {}", read.size, limits.file_bytes),
        ),
        Some(bytes) if bytes.is_empty() => skipped(SkipReason::Empty, "the file is empty".to_owned()),
        Some(bytes) => formats::extract(bytes, request, limits)?,
    };
    if let Outcome::Text(text) = &content.outcome
        && text.text.len() as u64 > limits.output_bytes
    {
        return Err(Failure::Bomb(format!(
            "the text has {} bytes, the limit is {}",
            text.text.len(),
            limits.output_bytes
        )));
    }
    Ok(Extracted {
        content_hash: read.hash,
        size: read.size,
        mime: content.mime,
        outcome: content.outcome,
        members: content.members,
    })
}

/// What was read of a file, once: hash and bytes are of the same reading.
struct Original {
    hash: String,
    size: u64,
    /// `None` when the file is larger than it may be.
    bytes: Option<Vec<u8>>,
}

fn read(request: &Request, limits: &Limits) -> Result<Original, Failure> {
    // A pipe that took the file's place must not block the open.
    let opened = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK | libc::O_CLOEXEC).open(&request.path);
    let mut file = opened.map_err(|e| unreadable(&e))?;
    let metadata = file.metadata().map_err(|e| unreadable(&e))?;
    if !metadata.is_file() {
        return Err(Failure::Unreadable("it is not a regular file".to_owned()));
    }
    let mut hasher = Sha256::new();
    let mut bytes = (metadata.len() <= limits.file_bytes).then(Vec::new);
    let mut size = 0;
    let mut buffer = vec![0; 256 << 10];
    loop {
        let count = match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(unreadable(&error)),
        };
        hasher.update(&buffer[..count]);
        size += count as u64;
        match &mut bytes {
            Some(bytes) if size <= limits.file_bytes => bytes.extend_from_slice(&buffer[..count]),
            _ => bytes = None,
        }
    }
    let hash = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Original { hash, size, bytes })
}

fn unreadable(error: &io::Error) -> Failure {
    match error.raw_os_error() {
        Some(libc::ENOENT | libc::ESTALE | libc::ENOTDIR) => Failure::Vanished,
        _ => Failure::Unreadable(error.to_string()),
    }
}

/// Names that make a child of a debug build hang, eat memory or die: the oracle of the pool's tests.
#[cfg(debug_assertions)]
fn misbehave(name: &str) {
    match name {
        ".semantik-test-hang" => loop {
            std::thread::park();
        },
        ".semantik-test-memory" => drop(vec![1_u8; 64 << 30]),
        ".semantik-test-abort" => std::process::abort(),
        ".semantik-test-panic" => std::panic::panic_any("a parser panicked"),
        ".semantik-test-print" => println!("noise that must not reach the protocol"),
        _ => {}
    }
}
