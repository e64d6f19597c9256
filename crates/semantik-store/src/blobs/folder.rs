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

    async fn put_file(&self, key: &str, file: &Path) -> Result<(), StoreError> {
        let (path, key, file) = (self.path(key)?, key.to_owned(), file.to_owned());
        blocking(move || move_whole(&file, &path).map_err(|e| from_io(&e, &key))).await
    }

    async fn get_file(&self, key: &str, to: &Path) -> Result<(), StoreError> {
        let (path, key, to) = (self.path(key)?, key.to_owned(), to.to_owned());
        // A blob is only ever replaced by renaming, so a second name keeps these bytes.
        let link = move || std::fs::hard_link(&path, &to).or_else(|_| std::fs::copy(&path, &to).map(drop));
        blocking(move || link().map_err(|e| from_io(&e, &key))).await
    }

    async fn list(&self, folder: &str, after: Option<&str>, limit: usize) -> Result<Vec<String>, StoreError> {
        // Checked like a key; the name stands for any.
        let shards = self.path(&format!("{folder}/name"))?.ancestors().nth(2).map(Path::to_owned).unwrap_or_default();
        let (folder, after) = (folder.to_owned(), after.unwrap_or_default().to_owned());
        blocking(move || {
            list_names(&shards, &after, limit)
                .map_err(|e| from_io(&e, &folder))
                .map(|names| names.into_iter().map(|name| format!("{folder}/{name}")).collect())
        })
        .await
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

/// Moves a file to its place: synced first, so that the name never stands for less than the bytes.
fn move_whole(file: &Path, path: &Path) -> std::io::Result<()> {
    let folder = path.parent().ok_or(std::io::ErrorKind::InvalidInput)?;
    std::fs::create_dir_all(folder)?;
    std::fs::File::open(file)?.sync_all()?;
    match std::fs::rename(file, path) {
        Err(error) if error.kind() == std::io::ErrorKind::CrossesDevices => {
            let aside = folder.join(format!(".{}.tmp", uuid::Uuid::new_v4().simple()));
            std::fs::copy(file, &aside)?;
            std::fs::File::open(&aside)?.sync_all()?;
            std::fs::rename(&aside, path)?;
        }
        other => other?,
    }
    std::fs::File::open(folder)?.sync_all()
}

/// Names below the shards, in order. A name begins with its shard, so shard by shard is in order.
/// What a crash left half-written is cleared away in passing.
fn list_names(shards: &Path, after: &str, limit: usize) -> std::io::Result<Vec<String>> {
    let mut names = Vec::new();
    for shard in sorted_names(shards)? {
        if names.len() >= limit || shard.as_str() < &after[..after.len().min(2)] {
            continue;
        }
        for name in sorted_names(&shards.join(&shard))? {
            if name.starts_with('.') {
                remove_stale(&shards.join(&shard).join(&name));
            } else if name.as_str() > after && names.len() < limit {
                names.push(name);
            }
        }
    }
    Ok(names)
}

fn sorted_names(folder: &Path) -> std::io::Result<Vec<String>> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other?,
    };
    let mut names = Vec::new();
    for entry in entries {
        names.extend(entry?.file_name().into_string());
    }
    names.sort_unstable();
    Ok(names)
}

/// Nothing takes an hour to be written aside.
fn remove_stale(path: &Path) {
    let age = std::fs::metadata(path).and_then(|data| data.modified()).ok().and_then(|at| at.elapsed().ok());
    if age.is_some_and(|age| age > std::time::Duration::from_secs(3600)) {
        // It may be gone by now, or be tried again the next time.
        let _removed = std::fs::remove_file(path);
    }
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
    async fn a_file_moves_in_and_comes_out_and_keys_are_listed_in_order() -> Result<(), StoreError> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let blobs = open_folder(&folder.path().join("blobs"))?;
        let (file, copy) = (folder.path().join("file"), folder.path().join("copy"));
        std::fs::write(&file, b"bytes").expect("writable");
        blobs.put_file("original/bb2", &file).await?;
        assert!(!file.exists());
        blobs.get_file("original/bb2", &copy).await?;
        blobs.put("original/bb2", b"other".to_vec()).await?;
        assert_eq!(std::fs::read(&copy).expect("readable"), b"bytes", "what was taken out stays");
        assert!(matches!(
            blobs.get_file("original/none", &folder.path().join("x")).await,
            Err(StoreError::NotFound { .. })
        ));
        for key in ["original/bb1", "original/aa9", "original/cc0", "text/aa0"] {
            blobs.put(key, vec![1]).await?;
        }
        let half_written = folder.path().join("blobs/original/aa/.x.tmp");
        std::fs::write(&half_written, b"").expect("writable");
        assert_eq!(blobs.list("original", None, 3).await?, ["original/aa9", "original/bb1", "original/bb2"]);
        assert_eq!(blobs.list("original", Some("bb2"), 3).await?, ["original/cc0"]);
        assert!(half_written.exists(), "somebody may be writing it");
        let old = std::time::SystemTime::now() - std::time::Duration::from_secs(7200);
        std::fs::File::open(&half_written).and_then(|file| file.set_modified(old)).expect("own file");
        blobs.list("original", None, 3).await?;
        assert!(!half_written.exists());
        assert!(blobs.list("nothing", None, 3).await?.is_empty());
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
