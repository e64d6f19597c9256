//! One generation: its dense and its lexical part, kept to the same points.

use std::collections::HashMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use semantik_core::id::{ChunkId, DocumentId};
use uuid::Uuid;

use super::dense::{DensePart, Row};
use super::files;
use super::lexical::LexicalPart;
use super::meta::Meta;
use crate::{DocumentSet, Index, IndexError, IndexStats, Point, Scored};

const MAX_POINTS: usize = 4096;
const MAX_LIMIT: usize = 4096;

/// What callers hold; the work itself runs on blocking threads.
pub(super) struct EmbeddedIndex {
    generation: Arc<Generation>,
    /// The writer's losses when this caller first wrote after its last flush.
    unflushed: Arc<Mutex<Option<u64>>>,
}

pub(super) struct Generation {
    folder: PathBuf,
    pub(super) dimensions: usize,
    dense: DensePart,
    lexical: LexicalPart,
    writer: Mutex<Writer>,
    compacting: Mutex<()>,
    removed: AtomicBool,
}

/// What only one writer at a time may look at.
struct Writer {
    meta: Meta,
    /// Number of the last flush.
    stamp: u64,
    /// Whether anything came after it.
    dirty: bool,
    /// Whether a failed write took writes with it that had been accepted before.
    lost: bool,
    /// How often that has happened: whoever wrote before such a moment must send it again.
    losses: u64,
}

impl Generation {
    pub(super) fn open(folder: &Path, dimensions: usize) -> Result<Self, IndexError> {
        let meta = match Meta::read(folder)? {
            Some(meta) if meta.dimensions != dimensions => {
                return Err(IndexError::Mismatch { expected: dimensions, found: meta.dimensions });
            }
            Some(meta) => meta,
            None => {
                files::remove_folder(folder)?;
                std::fs::create_dir_all(folder)?;
                let meta = Meta::new(dimensions, 0);
                meta.write(folder)?;
                meta
            }
        };
        remove_leftovers(folder, &meta)?;
        let (dense, found) = DensePart::open(&meta.dense_folder(folder), dimensions)?;
        let lexical = LexicalPart::open(&folder.join("words"))?;
        let stamp = lexical.stamp()?;
        let as_left = found.stamp == stamp && (stamp.is_some() || dense.counts().0 + lexical.count() == 0);
        let newest = found.stamp.max(stamp).unwrap_or(0);
        let writer = Writer { meta, stamp: newest, dirty: false, lost: false, losses: 0 };
        let generation = Self {
            folder: folder.to_owned(),
            dimensions,
            dense,
            lexical,
            writer: Mutex::new(writer),
            compacting: Mutex::new(()),
            removed: AtomicBool::new(false),
        };
        if !as_left {
            generation.agree(&mut generation.writer())?;
        }
        Ok(generation)
    }

    /// Says no from now on; the folder is about to go.
    pub(super) fn close(&self) {
        self.removed.store(true, Ordering::Release);
    }

    fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Drops the points that only one part has: whoever reconciles sees them missing and adds them.
    fn agree(&self, writer: &mut Writer) -> Result<(), IndexError> {
        writer.stamp += 1;
        self.lexical.commit(writer.stamp)?;
        let words = self.lexical.ids()?;
        let no_vector: Vec<ChunkId> = words.iter().filter(|id| !self.dense.contains(id)).map(|id| chunk(*id)).collect();
        let no_words = self.dense.ids_without(|id| words.contains(id));
        if !(no_vector.is_empty() && no_words.is_empty()) {
            let folder = self.folder.display();
            tracing::warn!(%folder, no_vector = no_vector.len(), no_words = no_words.len(), "index repaired after a crash");
        }
        self.lexical.delete_points(&no_vector)?;
        self.dense.delete_points(no_words.into_iter());
        self.flush(writer)
    }

    fn flush(&self, writer: &mut Writer) -> Result<(), IndexError> {
        writer.stamp += 1;
        self.dense.flush(writer.stamp)?;
        self.lexical.commit(writer.stamp).inspect_err(|_| writer.lost = true)?;
        writer.dirty = false;
        Ok(())
    }

    /// Makes durable what is there. `since` is what [`Self::begin`] gave for the caller's first write.
    fn flush_since(&self, writer: &mut Writer, since: Option<u64>) -> Result<(), IndexError> {
        if writer.lost {
            self.agree(writer)?;
            writer.lost = false;
            writer.losses += 1;
        }
        if writer.dirty {
            self.flush(writer)?;
        }
        if since.is_some_and(|losses| losses != writer.losses) {
            return Err(IndexError::Unavailable(
                "a failed write lost what came after the last flush: send it again".into(),
            ));
        }
        Ok(())
    }

    /// The right to write, noted in the caller's `unflushed`.
    fn begin(&self, unflushed: &Mutex<Option<u64>>) -> MutexGuard<'_, Writer> {
        let mut writer = self.writer();
        writer.dirty = true;
        unflushed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(writer.losses);
        writer
    }

    fn upsert(&self, points: &[Point], unflushed: &Mutex<Option<u64>>) -> Result<(), IndexError> {
        self.check(points)?;
        let last: HashMap<ChunkId, usize> = points.iter().enumerate().map(|(at, point)| (point.id, at)).collect();
        let points: Vec<&Point> =
            points.iter().enumerate().filter(|(at, point)| last[&point.id] == *at).map(|(_, point)| point).collect();
        let rows: Vec<Row<'_>> = points
            .iter()
            .map(|point| Row {
                id: point.id.0.as_bytes(),
                document: point.document.0.as_bytes(),
                vector: &point.vector,
            })
            .collect();
        let mut writer = self.begin(unflushed);
        self.dense.upsert(&rows)?;
        self.lexical.upsert(&points).inspect_err(|_| writer.lost = true)
    }

    fn check(&self, points: &[Point]) -> Result<(), IndexError> {
        if points.len() > MAX_POINTS {
            return Err(IndexError::Invalid(format!("{} points at once, at most {MAX_POINTS}", points.len())));
        }
        points.iter().try_for_each(|point| self.check_vector(&point.vector))
    }

    fn check_vector(&self, vector: &[f32]) -> Result<(), IndexError> {
        if vector.len() != self.dimensions {
            return Err(IndexError::Mismatch { expected: vector.len(), found: self.dimensions });
        }
        match vector.iter().all(|value| value.is_finite()) {
            true => Ok(()),
            false => Err(IndexError::Invalid("a vector holds a value that is not a number".into())),
        }
    }

    fn compact(&self) -> Result<bool, IndexError> {
        let Ok(_only) = self.compacting.try_lock() else { return Ok(false) };
        if !self.dense.is_worth_compacting() {
            return Ok(false);
        }
        let meta = {
            let meta = &self.writer().meta;
            Meta::new(meta.dimensions, meta.dense + 1)
        };
        let folder = meta.dense_folder(&self.folder);
        let done = self.dense.draft(&folder).and_then(|draft| {
            let mut writer = self.writer();
            self.flush(&mut writer)?;
            let old = writer.meta.dense_folder(&self.folder);
            self.dense.adopt(draft, &folder, writer.stamp, || meta.write(&self.folder))?;
            writer.meta = meta;
            Ok(old)
        });
        match done {
            Ok(old) => files::remove_folder(&old).map(|()| true).map_err(Into::into),
            Err(error) => {
                // The switch may have happened just before the failure: then it is the folder in use.
                if Meta::read(&self.folder)?.is_some_and(|meta| meta.dense_folder(&self.folder) != folder) {
                    files::remove_folder(&folder)?;
                }
                Err(error)
            }
        }
    }

    fn stats(&self) -> IndexStats {
        let (dense_points, tombstones) = self.dense.counts();
        let lexical_points = self.lexical.count();
        IndexStats { dense_points, lexical_points, tombstones, disk_bytes: files::folder_bytes(&self.folder) }
    }
}

impl EmbeddedIndex {
    pub(super) fn new(generation: Arc<Generation>) -> Self {
        Self { generation, unflushed: Arc::default() }
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Generation) -> Result<T, IndexError> + Send + 'static,
    ) -> Result<T, IndexError> {
        let generation = Arc::clone(&self.generation);
        let work = move || match generation.removed.load(Ordering::Acquire) {
            true => Err(IndexError::Unavailable("the generation was removed".into())),
            false => work(&generation),
        };
        tokio::task::spawn_blocking(work).await.map_err(|error| IndexError::Unavailable(error.to_string()))?
    }
}

#[async_trait]
impl Index for EmbeddedIndex {
    async fn upsert(&self, points: Vec<Point>) -> Result<(), IndexError> {
        let unflushed = Arc::clone(&self.unflushed);
        self.run(move |generation| generation.upsert(&points, &unflushed)).await
    }

    async fn delete_documents(&self, documents: &[DocumentId]) -> Result<(), IndexError> {
        let (documents, unflushed) = (documents.to_vec(), Arc::clone(&self.unflushed));
        self.run(move |generation| {
            let mut writer = generation.begin(&unflushed);
            generation.dense.delete_documents(&documents);
            generation.lexical.delete_documents(&documents).inspect_err(|_| writer.lost = true)
        })
        .await
    }

    async fn delete_points(&self, points: &[ChunkId]) -> Result<(), IndexError> {
        let (points, unflushed) = (points.to_vec(), Arc::clone(&self.unflushed));
        self.run(move |generation| {
            let mut writer = generation.begin(&unflushed);
            generation.dense.delete_points(points.iter().map(|id| *id.0.as_bytes()));
            generation.lexical.delete_points(&points).inspect_err(|_| writer.lost = true)
        })
        .await
    }

    async fn flush(&self) -> Result<(), IndexError> {
        let unflushed = Arc::clone(&self.unflushed);
        self.run(move |generation| {
            let mut writer = generation.writer();
            let since = unflushed.lock().unwrap_or_else(PoisonError::into_inner).take();
            // Where the flush itself fails, what was written is not durable yet.
            generation.flush_since(&mut writer, since).inspect_err(|_| {
                if let Some(losses) = since.filter(|losses| *losses == writer.losses) {
                    unflushed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(losses);
                }
            })
        })
        .await
    }

    async fn search_dense(
        &self,
        vector: &[f32],
        limit: usize,
        documents: &DocumentSet,
    ) -> Result<Vec<Scored>, IndexError> {
        check_limit(limit)?;
        self.generation.check_vector(vector)?;
        let (vector, documents) = (vector.to_vec(), documents.clone());
        self.run(move |generation| Ok(generation.dense.search(&vector, limit, &documents))).await
    }

    async fn search_lexical(
        &self,
        query: &str,
        limit: usize,
        documents: &DocumentSet,
    ) -> Result<Vec<Scored>, IndexError> {
        check_limit(limit)?;
        let (query, documents) = (query.to_owned(), documents.clone());
        self.run(move |generation| generation.lexical.search(&query, limit, &documents)).await
    }

    fn highlight(&self, query: &str, text: &str) -> Vec<Range<usize>> {
        LexicalPart::highlight(query, text)
    }

    async fn vectors(&self, points: &[ChunkId]) -> Result<Vec<Option<Vec<f32>>>, IndexError> {
        let points = points.to_vec();
        self.run(move |generation| generation.dense.vectors(&points)).await
    }

    async fn points(&self, after: Option<ChunkId>, limit: usize) -> Result<Vec<(ChunkId, DocumentId)>, IndexError> {
        self.run(move |generation| Ok(generation.dense.points(after, limit))).await
    }

    async fn stats(&self) -> Result<IndexStats, IndexError> {
        self.run(|generation| Ok(generation.stats())).await
    }

    async fn compact(&self) -> Result<bool, IndexError> {
        self.run(Generation::compact).await
    }

    async fn idle(&self) -> Result<(), IndexError> {
        self.run(|generation| {
            // Held throughout: a write between the two would lose its words.
            let mut writer = generation.writer();
            generation.flush_since(&mut writer, None)?;
            generation.lexical.idle()
        })
        .await
    }
}

fn check_limit(limit: usize) -> Result<(), IndexError> {
    match limit <= MAX_LIMIT {
        true => Ok(()),
        false => Err(IndexError::Invalid(format!("{limit} hits at once, at most {MAX_LIMIT}"))),
    }
}

/// Removes dense files a crash left behind: a compaction that did not finish, or what one replaced.
fn remove_leftovers(folder: &Path, meta: &Meta) -> Result<(), IndexError> {
    let in_use = meta.dense_folder(folder);
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with("dense-") && entry.path() != in_use {
            files::remove_folder(&entry.path())?;
        }
    }
    Ok(())
}

fn chunk(id: [u8; 16]) -> ChunkId {
    ChunkId(Uuid::from_bytes(id))
}

#[cfg(test)]
mod tests {
    use semantik_core::id::DocumentId;

    use super::{Arc, ChunkId, EmbeddedIndex, Generation, Index, IndexError, Point, Uuid};

    fn point(id: u128) -> Point {
        let (id, document) = (ChunkId(Uuid::from_u128(id)), DocumentId(Uuid::from_u128(1)));
        Point { id, document, vector: vec![1.0, 0.0], text: "tide".into(), context: String::new() }
    }

    #[tokio::test]
    async fn a_loss_is_told_to_everyone_who_wrote_before_it() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let generation = Arc::new(Generation::open(folder.path(), 2).expect("a fresh folder opens"));
        let [one, other, idle] = [(); 3].map(|()| EmbeddedIndex::new(Arc::clone(&generation)));
        one.upsert(vec![point(1)]).await.expect("accepted");
        other.upsert(vec![point(2)]).await.expect("accepted");
        // As when a write of anyone's fails.
        generation.writer().lost = true;
        assert!(idle.flush().await.is_ok(), "who wrote nothing lost nothing");
        for index in [&one, &other] {
            assert!(matches!(index.flush().await, Err(IndexError::Unavailable(_))));
            index.upsert(vec![point(3)]).await.expect("accepted again");
            index.flush().await.expect("durable this time");
        }
    }
}
