//! A file on its way in: written to the data folder while it arrives, never held in memory.

use sha2::{Digest, Sha256};
use tempfile::TempPath;
use tokio::io::AsyncWriteExt;

use super::{hex, io_error};
use crate::open::TEMPORARY;
use crate::{App, AppError, Caller};

const MIB: u64 = 1024 * 1024;

/// A file being received; it goes away unless it is finished and uploaded.
#[derive(Debug)]
pub struct Incoming {
    name: String,
    path: TempPath,
    file: tokio::fs::File,
    size: u64,
    most: u64,
    hasher: Sha256,
}

/// One received file. The same name again replaces the earlier file.
#[derive(Debug)]
pub struct UploadFile {
    pub(super) name: String,
    pub(super) size: u64,
    /// SHA-256, lower-case hexadecimal.
    pub(super) content_hash: String,
    pub(super) path: TempPath,
}

impl App {
    /// Begins to receive a file. Its name may have folders.
    ///
    /// # Errors
    /// `invalid_request` for a bad name, and whatever the disk says.
    pub async fn receive(&self, _caller: &Caller, name: String) -> Result<Incoming, AppError> {
        check_file_name(&name)?;
        let folder = self.config().data_dir.join(TEMPORARY);
        let file = tokio::task::spawn_blocking(move || tempfile::NamedTempFile::new_in(folder)).await;
        let file = file.map_err(|error| AppError::Internal(error.to_string()))?.map_err(io_error)?;
        let (file, path) = file.into_parts();
        let most = self.config().extract.max_file_mb * MIB;
        Ok(Incoming { name, path, file: file.into(), size: 0, most, hasher: Sha256::new() })
    }
}

impl Incoming {
    /// Adds what has arrived.
    ///
    /// # Errors
    /// `file_too_large` as soon as it is, and whatever the disk says.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), AppError> {
        self.size += bytes.len() as u64;
        if self.size > self.most {
            let message = format!("`{}` is larger than {} MB; raise MAX_FILE_SIZE_MB", self.name, self.most / MIB);
            return Err(AppError::TooLarge { message });
        }
        self.hasher.update(bytes);
        self.file.write_all(bytes).await.map_err(io_error)
    }

    /// The whole file.
    ///
    /// # Errors
    /// Whatever the disk says.
    pub async fn finish(mut self) -> Result<UploadFile, AppError> {
        self.file.flush().await.map_err(io_error)?;
        let content_hash = hex(&self.hasher.finalize());
        Ok(UploadFile { name: self.name, size: self.size, content_hash, path: self.path })
    }
}

fn check_file_name(name: &str) -> Result<(), AppError> {
    let good = !name.is_empty()
        && name.len() <= 1024
        && !name.chars().any(char::is_control)
        && name.split('/').all(|part| !part.is_empty() && part != "." && part != "..");
    if good {
        Ok(())
    } else {
        Err(AppError::invalid("a file name has 1 to 1024 bytes, no control characters and no `..`"))
    }
}
