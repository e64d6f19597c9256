//! Writing files so that a crash leaves the old content or the new one, and naming what the disk refuses.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use crate::IndexError;

/// What a failed disk operation means to a caller.
pub(super) fn disk_error(error: &io::Error) -> IndexError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => IndexError::DiskFull,
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => IndexError::ReadOnly,
        _ => IndexError::Unavailable(error.to_string()),
    }
}

impl From<io::Error> for IndexError {
    fn from(error: io::Error) -> Self {
        disk_error(&error)
    }
}

/// Replaces a file's content at once and durably.
pub(super) fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    let fresh = path.with_extension("new");
    let written = File::create(&fresh).and_then(|mut file| {
        file.write_all(content)?;
        file.sync_all()
    });
    if let Err(error) = written.and_then(|()| fs::rename(&fresh, path)) {
        // A half-written file would only waste the space that may be missing.
        let _ = fs::remove_file(&fresh);
        return Err(error);
    }
    sync_folder(folder)
}

/// Makes names created in or removed from a folder durable.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Removes a folder and all it holds; one that is not there is fine.
pub(super) fn remove_folder(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Bytes of the files below a folder; files that vanish meanwhile count as nothing.
pub(super) fn folder_bytes(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => folder_bytes(&entry.path()),
            Ok(metadata) => metadata.len(),
            Err(_) => 0,
        })
        .sum()
}
