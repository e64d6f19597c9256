//! The data folder has one holder at a time. The lock file says who; `serve.json` says where the
//! server answers.
//!
//! The lock is the kernel's (released when the process dies, however it dies); the file's content
//! is only for messages.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use semantik_core::ErrorCode;
use serde::{Deserialize, Serialize};

use crate::error::CliError;

const LOCK: &str = "lock";
const SERVE: &str = "serve.json";

/// Who holds a data folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    pub pid: u32,
    pub command: String,
}

/// Where a running server answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServeAddress {
    pub pid: u32,
    pub url: String,
}

/// The held lock; dropping it (or dying) lets go.
#[derive(Debug)]
pub struct DataFolder {
    path: PathBuf,
    lock: File,
}

/// What taking the lock came to.
#[derive(Debug)]
pub enum Taken {
    Mine(DataFolder),
    /// Somebody else has it; who, where the file could be read.
    Busy(Option<Holder>),
}

impl DataFolder {
    /// Makes the folder where missing and takes its lock.
    ///
    /// # Errors
    /// `data_folder_read_only` (and its kin) when the folder cannot be made or written.
    pub fn take(path: &Path, command: &str) -> Result<Taken, CliError> {
        std::fs::create_dir_all(path).map_err(|e| unusable(path, &e))?;
        let mut lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path.join(LOCK))
            .map_err(|e| unusable(path, &e))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                let read = lock.read_to_string(&mut text);
                return Ok(Taken::Busy(read.ok().and_then(|_| serde_json::from_str(&text).ok())));
            }
            Err(TryLockError::Error(e)) => return Err(unusable(path, &e)),
        }
        let folder = Self { path: path.to_owned(), lock };
        // Whatever an earlier holder left is stale now. Removing proves the folder can be written.
        remove(&path.join(SERVE)).map_err(|e| unusable(path, &e))?;
        folder.sign(command).map_err(|e| unusable(path, &e))?;
        Ok(Taken::Mine(folder))
    }

    fn sign(&self, command: &str) -> std::io::Result<()> {
        let holder = Holder { pid: std::process::id(), command: command.to_owned() };
        let mut lock = &self.lock;
        lock.set_len(0)?;
        lock.seek(SeekFrom::Start(0))?;
        lock.write_all(serde_json::to_string(&holder)?.as_bytes())?;
        lock.flush()
    }

    /// Tells other processes where the server answers; whole or not at all.
    pub fn announce(&self, url: &str) -> Result<(), CliError> {
        let address = ServeAddress { pid: std::process::id(), url: url.to_owned() };
        let aside = self.path.join("serve.json.new");
        let text = serde_json::to_string(&address).map_err(CliError::internal)?;
        std::fs::write(&aside, text).map_err(|e| unusable(&self.path, &e))?;
        std::fs::rename(&aside, self.path.join(SERVE)).map_err(|e| unusable(&self.path, &e))
    }

    /// Takes the announcement back.
    pub fn retract(&self) {
        // A leftover is harmless: it counts only while the lock is held.
        let _ = remove(&self.path.join(SERVE));
    }
}

/// Where the server of a held data folder answers, when it has said so.
pub fn served_at(path: &Path) -> Option<ServeAddress> {
    serde_json::from_slice(&std::fs::read(path.join(SERVE)).ok()?).ok()
}

/// The message for a folder somebody else holds.
pub fn busy(path: &Path, holder: Option<&Holder>, address: Option<&ServeAddress>) -> CliError {
    let who = holder.map_or_else(|| "another process".to_owned(), |h| format!("process {} ({})", h.pid, h.command));
    let address_text = address.map(|a| format!(", address {}", a.url)).unwrap_or_default();
    let hint = match (holder, address) {
        (_, Some(_)) => "use another --data-dir or stop it".to_owned(),
        (Some(h), None) if h.command != "semantik serve" => {
            "wait until it ends, use another --data-dir, or start `semantik serve` and let both talk to it".to_owned()
        }
        _ => "it may be starting or stopping: try again in a moment, or use another --data-dir".to_owned(),
    };
    CliError::new(ErrorCode::DataFolderBusy, format!("data folder {} is in use by {who}{address_text}", path.display()))
        .hint(hint)
}

fn remove(path: &Path) -> std::io::Result<()> {
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

fn unusable(path: &Path, error: &std::io::Error) -> CliError {
    let code = match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => ErrorCode::DiskFull,
        _ => ErrorCode::DataFolderReadOnly,
    };
    CliError::new(code, format!("data folder {} cannot be used: {error}", path.display()))
        .hint("give this user write permission there, or choose another folder with --data-dir (or SEMANTIK_DATA_DIR)")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Exit;

    #[test]
    fn the_second_holder_is_told_who_the_first_is() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let Taken::Mine(folder) = DataFolder::take(dir.path(), "semantik serve").expect("usable") else {
            panic!("free")
        };
        folder.announce("http://127.0.0.1:1").expect("writable");
        let Taken::Busy(holder) = DataFolder::take(dir.path(), "semantik index").expect("usable") else {
            panic!("held")
        };
        let error = busy(dir.path(), holder.as_ref(), served_at(dir.path()).as_ref());
        assert_eq!(error.exit, Exit::Conflict);
        assert!(
            error.message.contains(&format!("process {} (semantik serve)", std::process::id())),
            "{}",
            error.message
        );
        assert!(error.message.contains("http://127.0.0.1:1"), "{}", error.message);
    }

    #[test]
    fn letting_go_frees_the_folder_and_a_stale_address_is_cleared() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let Taken::Mine(folder) = DataFolder::take(dir.path(), "one").expect("usable") else { panic!("free") };
        folder.announce("http://127.0.0.1:1").expect("writable");
        drop(folder);
        assert!(served_at(dir.path()).is_some(), "a crash leaves it");
        let Taken::Mine(_folder) = DataFolder::take(dir.path(), "two").expect("usable") else { panic!("free again") };
        assert!(served_at(dir.path()).is_none());
    }

    #[test]
    fn a_folder_that_cannot_be_is_one_clear_message() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let file = dir.path().join("file");
        std::fs::write(&file, "x").expect("writable");
        let error = DataFolder::take(&file.join("below"), "x").expect_err("a file is in the way");
        assert_eq!(error.exit, Exit::Unavailable);
        assert!(error.message.starts_with("data folder "), "{}", error.message);
        assert!(error.hint.is_some());
    }
}
