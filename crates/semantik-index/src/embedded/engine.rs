//! The generations of one folder: each is a folder named by its id.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use semantik_core::id::IndexId;
use tokio::sync::Mutex;

use super::files;
use super::index::{EmbeddedIndex, Generation};
use crate::{Index, IndexEngine, IndexError};

const MAX_DIMENSIONS: usize = 16_384;
const MAX_GENERATIONS: usize = 10_000;
/// Ends the name of a folder that is being removed.
const REMOVED: &str = "removed";

struct EmbeddedEngine {
    folder: PathBuf,
    /// Open generations. Held while one is opened or removed, so that nobody sees half of that.
    open: Mutex<HashMap<IndexId, Arc<Generation>>>,
}

pub(crate) fn open(folder: &Path) -> Result<Arc<dyn IndexEngine>, IndexError> {
    let prepare = || -> std::io::Result<()> {
        std::fs::create_dir_all(folder)?;
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == REMOVED) {
                files::remove_folder(&path)?;
            }
        }
        Ok(())
    };
    prepare()?;
    Ok(Arc::new(EmbeddedEngine { folder: folder.to_owned(), open: Mutex::default() }))
}

#[async_trait]
impl IndexEngine for EmbeddedEngine {
    async fn open(&self, id: IndexId, dimensions: usize) -> Result<Arc<dyn Index>, IndexError> {
        if !(1..=MAX_DIMENSIONS).contains(&dimensions) {
            return Err(IndexError::Invalid(format!("{dimensions} dimensions, from 1 to {MAX_DIMENSIONS}")));
        }
        let mut open = self.open.lock().await;
        let generation = match open.get(&id) {
            Some(generation) if generation.dimensions != dimensions => {
                return Err(IndexError::Mismatch { expected: dimensions, found: generation.dimensions });
            }
            Some(generation) => Arc::clone(generation),
            None => {
                let folder = self.folder.join(id.to_string());
                let generation = Arc::new(blocking(move || Generation::open(&folder, dimensions)).await?);
                open.insert(id, Arc::clone(&generation));
                generation
            }
        };
        Ok(Arc::new(EmbeddedIndex::new(generation)))
    }

    async fn remove(&self, id: IndexId) -> Result<(), IndexError> {
        let mut open = self.open.lock().await;
        if let Some(generation) = open.remove(&id) {
            generation.close();
        }
        let folder = self.folder.join(id.to_string());
        let gone = folder.with_extension(REMOVED);
        blocking(move || {
            files::remove_folder(&gone)?;
            match std::fs::rename(&folder, &gone) {
                Ok(()) => Ok(files::remove_folder(&gone)?),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
                Err(error) => Err(error.into()),
            }
        })
        .await
    }

    async fn list(&self) -> Result<Vec<IndexId>, IndexError> {
        let folder = self.folder.clone();
        blocking(move || {
            let mut ids = Vec::new();
            for entry in std::fs::read_dir(&folder)? {
                ids.extend(entry?.file_name().to_str().and_then(|name| name.parse::<IndexId>().ok()));
            }
            ids.sort_unstable();
            ids.truncate(MAX_GENERATIONS);
            Ok(ids)
        })
        .await
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, IndexError> + Send + 'static,
) -> Result<T, IndexError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| IndexError::Unavailable(error.to_string()))?
}
