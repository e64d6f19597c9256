//! Blobs as files below one folder, sharded by the first two characters of the key's last part.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;

use super::Blobs;
use crate::StoreError;

/// Opens (and creates) a folder of blobs.
///
/// # Errors
/// [`StoreError::ReadOnly`] or [`StoreError::Unavailable`] when the folder cannot be made.
pub fn open_folder(path: &Path) -> Result<Arc<dyn Blobs>, StoreError> {
    std::fs::create_dir_all(path).map_err(|e| from_io(&e, ""))?;
    Ok(Arc::new(FolderBlobs { root: path.to_owned() }))
}

struct FolderBlobs {
    root: PathBuf,
}

impl FolderBlobs {
    /// `a/b/abcdef` lies at `a/b/ab/abcdef`.
    fn path(&self, key: &str) -> Result<PathBuf, StoreError> {
        let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.');
        let parts: Vec<&str> = key.split('/').collect();
        let sound = |part: &&str| !part.is_empty() && !part.starts_with('.') && part.chars().all(legal);
        let Some((name, folders)) = parts.split_last().filter(|_| key.len() <= 512 && parts.iter().all(sound)) else {
            return Err(StoreError::InvalidState { what: format!("blob key `{key}`"), state: "malformed".into() });
        };
        let mut path = self.root.clone();
        path.extend(folders);
        path.push(&name[..name.len().min(2)]);
        path.push(name);
        Ok(path)
    }
}

#[async_trait]
impl Blobs for FolderBlobs {
    async fn put(&self, key: &str, bytes: Vec<u8>) -> Result<(), StoreError> {
        let (path, key) = (self.path(key)?, key.to_owned());
        blocking(move || write_whole(&path, &bytes).map_err(|e| from_io(&e, &key))).await
    }

    async fn get(&self, key: &str) -> Result<Vec<u8>, StoreError> {
        let (path, key) = (self.path(key)?, key.to_owned());
        blocking(move || std::fs::read(&path).map_err(|e| from_io(&e, &key))).await
    }

    async fn exists(&self, key: &str) -> Result<bool, StoreError> {
        let (path, key) = (self.path(key)?, key.to_owned());
        blocking(move || path.try_exists().map_err(|e| from_io(&e, &key))).await
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        let (path, key) = (self.path(key)?, key.to_owned());
        blocking(move || match std::fs::remove_file(&path) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(from_io(&e, &key)),
            Ok(()) | Err(_) => Ok(()),
        })
        .await
    }
}

/// Written aside in the same folder, synced, renamed; then the folder itself is synced, so that a
/// power cut leaves either the old bytes or the new ones.
fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().ok_or(std::io::ErrorKind::InvalidInput)?;
    std::fs::create_dir_all(folder)?;
    let aside = folder.join(format!(".{}.tmp", uuid::Uuid::new_v4().simple()));
    let written = std::fs::File::create_new(&aside)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| std::fs::rename(&aside, path));
    if written.is_err() {
        // The error of the write matters more than that of tidying up after it.
        let _tidied = std::fs::remove_file(&aside);
        return written;
    }
    std::fs::File::open(folder)?.sync_all()
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(e) => Err(StoreError::Unavailable(e.to_string())),
    }
}

fn from_io(error: &std::io::Error, key: &str) -> StoreError {
    use std::io::ErrorKind;
    match error.kind() {
        ErrorKind::NotFound => StoreError::NotFound { what: format!("blob `{key}`") },
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => StoreError::DiskFull,
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => StoreError::ReadOnly,
        _ => StoreError::Unavailable(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::{StoreError, open_folder};

    #[tokio::test]
    async fn a_blob_comes_back_whole_and_can_be_replaced_and_deleted() -> Result<(), StoreError> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let blobs = open_folder(folder.path())?;
        blobs.put("text/abcdef", b"one".to_vec()).await?;
        blobs.put("text/abcdef", b"two".to_vec()).await?;
        assert_eq!(blobs.get("text/abcdef").await?, b"two");
        assert!(folder.path().join("text/ab/abcdef").exists());
        blobs.delete("text/abcdef").await?;
        blobs.delete("text/abcdef").await?;
        assert!(!blobs.exists("text/abcdef").await?);
        assert!(matches!(blobs.get("text/abcdef").await, Err(StoreError::NotFound { .. })));
        Ok(())
    }

    #[tokio::test]
    async fn a_key_cannot_leave_the_folder() -> Result<(), StoreError> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let blobs = open_folder(folder.path())?;
        for key in ["", "/etc", "../x", "a/../b", "a//b", "a/.b", "A", "a b", "ä"] {
            assert!(blobs.put(key, vec![1]).await.is_err(), "{key}");
        }
        Ok(())
    }
}
