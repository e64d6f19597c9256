//! The lexical part of an index: one tantivy index, written by one thread with a small heap.

use std::collections::HashSet;
use std::io::{self, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use semantik_core::id::{ChunkId, DocumentId};
use tantivy::directory::MmapDirectory;
use tantivy::directory::error::{LockError, OpenDirectoryError, OpenReadError, OpenWriteError};
use tantivy::{Index, IndexReader, IndexWriter, ReloadPolicy, TantivyError, Term};

use super::best::{Best, Gone, Ids};
use super::highlight;
use super::query::Asked;
use super::schema::{self, Fields};
use crate::embedded::files::disk_error;
use crate::{DocumentSet, IndexError, Point, Scored};

const WRITER_HEAP_BYTES: usize = 30 << 20;

pub(in crate::embedded) struct LexicalPart {
    folder: PathBuf,
    index: Index,
    reader: IndexReader,
    fields: Fields,
    /// There while something is being written; see [`Self::idle`].
    writer: Mutex<Option<IndexWriter>>,
    gone: RwLock<Arc<Gone>>,
}

impl LexicalPart {
    pub(in crate::embedded) fn open(folder: &Path) -> Result<Self, IndexError> {
        std::fs::create_dir_all(folder)?;
        let (schema, fields) = schema::build();
        let open = || {
            let index = Index::open_or_create(MmapDirectory::open(folder)?, schema)?;
            let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?;
            tantivy::Result::Ok((index, reader))
        };
        let (index, reader) = open().map_err(|error| to_index_error(&error, folder))?;
        let (writer, gone) = (Mutex::new(None), RwLock::default());
        Ok(Self { folder: folder.to_owned(), index, reader, fields, writer, gone })
    }

    /// The stamp of the last commit; none before the first.
    pub(in crate::embedded) fn stamp(&self) -> Result<Option<u64>, IndexError> {
        let metas = self.index.load_metas().map_err(|error| to_index_error(&error, &self.folder))?;
        Ok(metas.payload.and_then(|payload| payload.parse().ok()))
    }

    pub(in crate::embedded) fn upsert(&self, points: &[&Point]) -> Result<(), IndexError> {
        self.write(|writer| {
            for point in points {
                writer.delete_term(Term::from_field_bytes(self.fields.id, point.id.0.as_bytes()));
                writer.add_document(self.fields.to_document(point))?;
            }
            Ok(())
        })
    }

    pub(in crate::embedded) fn delete_points(&self, points: &[ChunkId]) -> Result<(), IndexError> {
        self.hide(|gone| gone.points.extend(points));
        self.write(|writer| {
            for id in points {
                writer.delete_term(Term::from_field_bytes(self.fields.id, id.0.as_bytes()));
            }
            Ok(())
        })
    }

    pub(in crate::embedded) fn delete_documents(&self, documents: &[DocumentId]) -> Result<(), IndexError> {
        self.hide(|gone| gone.documents.extend(documents));
        self.write(|writer| {
            for id in documents {
                writer.delete_term(Term::from_field_bytes(self.fields.document, id.0.as_bytes()));
            }
            Ok(())
        })
    }

    fn hide(&self, add: impl FnOnce(&mut Gone)) {
        add(Arc::make_mut(&mut *self.gone.write().unwrap_or_else(PoisonError::into_inner)));
    }

    /// Makes everything so far durable under `stamp`, and visible.
    pub(in crate::embedded) fn commit(&self, stamp: u64) -> Result<(), IndexError> {
        self.write(|writer| {
            let mut commit = writer.prepare_commit()?;
            commit.set_payload(&stamp.to_string());
            commit.commit().map(drop)
        })?;
        self.reader.reload().map_err(|error| to_index_error(&error, &self.folder))?;
        *self.gone.write().unwrap_or_else(PoisonError::into_inner) = Arc::default();
        Ok(())
    }

    fn writer(&self) -> MutexGuard<'_, Option<IndexWriter>> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs a write. After a failure the writer is dropped: what was not committed is lost.
    fn write(&self, work: impl FnOnce(&mut IndexWriter) -> tantivy::Result<()>) -> Result<(), IndexError> {
        let mut slot = self.writer();
        let done = match slot.as_mut() {
            Some(writer) => work(writer),
            None => {
                self.index.writer_with_num_threads(1, WRITER_HEAP_BYTES).and_then(|writer| work(slot.insert(writer)))
            }
        };
        done.map_err(|error| {
            *slot = None;
            to_index_error(&error, &self.folder)
        })
    }

    /// Lets merges finish and drops the writer, with its heap. What was not committed is lost.
    pub(in crate::embedded) fn idle(&self) -> Result<(), IndexError> {
        let mut slot = self.writer();
        let Some(writer) = slot.take() else { return Ok(()) };
        writer.wait_merging_threads().map_err(|error| to_index_error(&error, &self.folder))
    }

    pub(in crate::embedded) fn search(
        &self,
        query: &str,
        limit: usize,
        documents: &DocumentSet,
    ) -> Result<Vec<Scored>, IndexError> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        // Taken before the searcher: whoever sees it emptied sees the commit that emptied it.
        let gone = Arc::clone(&self.gone.read().unwrap_or_else(PoisonError::into_inner));
        let searcher = self.reader.searcher();
        let best = Best { limit, documents: documents.clone(), gone };
        let run = || searcher.search(&Asked::parse(query).to_query(self.fields, &searcher)?, &best);
        run().map_err(|error| to_index_error(&error, &self.folder))
    }

    pub(in crate::embedded) fn highlight(query: &str, text: &str) -> Vec<Range<usize>> {
        highlight::spans(query, text)
    }

    /// Ids of the committed points.
    pub(in crate::embedded) fn ids(&self) -> Result<HashSet<[u8; 16]>, IndexError> {
        let searcher = self.reader.searcher();
        let mut found = HashSet::with_capacity(searcher.num_docs() as usize);
        for segment in searcher.segment_readers() {
            let ids = Ids::open(segment).map_err(|error| to_index_error(&error, &self.folder))?;
            found.extend(segment.doc_ids_alive().map(|doc| *ids.chunk(doc).0.as_bytes()));
        }
        Ok(found)
    }

    pub(in crate::embedded) fn count(&self) -> u64 {
        self.reader.searcher().num_docs()
    }
}

/// What a failure means to a caller. Where tantivy says only that a thread of it died, the disk is
/// asked why.
fn to_index_error(error: &TantivyError, folder: &Path) -> IndexError {
    match error {
        TantivyError::IoError(error)
        | TantivyError::OpenWriteError(OpenWriteError::IoError { io_error: error, .. })
        | TantivyError::OpenReadError(OpenReadError::IoError { io_error: error, .. })
        | TantivyError::OpenDirectoryError(OpenDirectoryError::IoError { io_error: error, .. })
        | TantivyError::LockFailure(LockError::IoError(error), _) => disk_error(error),
        TantivyError::LockFailure(LockError::LockBusy, _) => {
            IndexError::Unavailable("another process writes to this index".into())
        }
        TantivyError::DataCorruption(_) | TantivyError::OpenReadError(_) | TantivyError::IncompatibleIndex(_) => {
            IndexError::Corrupt(error.to_string())
        }
        error => match probe(folder) {
            Err(refused) => disk_error(&refused),
            Ok(()) => IndexError::Unavailable(error.to_string()),
        },
    }
}

/// Whether the disk takes a little more.
fn probe(folder: &Path) -> io::Result<()> {
    let path = folder.join("probe.new");
    let written = std::fs::File::create(&path).and_then(|mut file| {
        file.write_all(&[0; 1 << 16])?;
        file.sync_all()
    });
    let _ = std::fs::remove_file(&path);
    written
}
