//! The dense part of an index: writes go to the files, searches read what the last flush mapped.

use std::collections::{BinaryHeap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use semantik_core::id::{ChunkId, DocumentId};
use uuid::Uuid;

use super::bitset::BitSet;
use super::columns::{Columns, Files, Snapshot};
use super::commit::Commit;
use super::scan;
use super::table::Table;
use crate::{DocumentSet, IndexError, Scored};

/// A row to append.
pub(in crate::embedded) struct Row<'a> {
    pub(in crate::embedded) id: &'a [u8; 16],
    pub(in crate::embedded) document: &'a [u8; 16],
    pub(in crate::embedded) vector: &'a [f32],
}

/// Locks are taken in the order of the fields. Writers hold the index's own writer lock as well,
/// so two of them never meet here; `live` is held for memory work only, never for the disk.
pub(in crate::embedded) struct DensePart {
    pub(super) columns: Mutex<Columns>,
    pub(super) live: RwLock<Live>,
}

pub(super) struct Live {
    pub(super) folder: PathBuf,
    pub(super) files: Arc<Files>,
    pub(super) table: Table,
    /// Rows that were deleted or replaced.
    pub(super) dead: BitSet,
    /// Rows searches skip: as `dead`, but what was replaced is found until the next flush.
    pub(super) hidden: Arc<BitSet>,
    /// New row to the flushed row it replaces, since the last flush.
    pub(super) replaced: HashMap<u32, u32>,
    pub(super) snapshot: Arc<Snapshot>,
}

/// What opening found.
pub(in crate::embedded) struct Found {
    /// The number of the last flush; none when the files were not all as it left them.
    pub(in crate::embedded) stamp: Option<u64>,
}

impl DensePart {
    /// Opens or creates the files of a folder and drops what the last flush did not make durable.
    pub(in crate::embedded) fn open(folder: &Path, dimensions: usize) -> Result<(Self, Found), IndexError> {
        std::fs::create_dir_all(folder)?;
        let mut columns = Columns::open(folder, dimensions)?;
        let commit = Commit::read(folder)?;
        let damaged = columns.recover(commit.as_ref().map(|commit| commit.rows as usize))?;
        let as_left = commit.as_ref().filter(|commit| commit.rows == columns.count as u64 && damaged.len() == 0);
        let stamp = as_left.map(|commit| commit.stamp);

        let snapshot = Arc::new(columns.snapshot()?);
        let mut dead = commit.map(|commit| commit.dead).unwrap_or_default();
        damaged.rows_in(0, columns.count).for_each(|row| dead.insert(row as u32));
        dead = BitSet::all(columns.count).without(&BitSet::all(columns.count).without(&dead));
        let table = build_table(&snapshot, &mut dead);
        let live = Live {
            folder: folder.to_owned(),
            files: Arc::clone(&columns.files),
            table,
            hidden: Arc::new(dead.clone()),
            dead,
            replaced: HashMap::new(),
            snapshot,
        };
        Ok((Self { columns: Mutex::new(columns), live: RwLock::new(live) }, Found { stamp }))
    }

    pub(super) fn columns(&self) -> MutexGuard<'_, Columns> {
        self.columns.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn read(&self) -> RwLockReadGuard<'_, Live> {
        self.live.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn write(&self) -> RwLockWriteGuard<'_, Live> {
        self.live.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends rows, which replace those of the same ids at the next flush.
    pub(in crate::embedded) fn upsert(&self, rows: &[Row<'_>]) -> Result<(), IndexError> {
        let mut columns = self.columns();
        let first = columns.count as u32;
        columns.append(rows)?;
        let mut live = self.write();
        for (new, row) in (first..).zip(rows) {
            if let Some(old) = live.table.push(*row.id, *row.document) {
                live.replace(old, new);
            }
        }
        Ok(())
    }

    /// Deletes points at once; those that are not there are fine.
    pub(in crate::embedded) fn delete_points(&self, ids: impl Iterator<Item = [u8; 16]>) {
        let mut live = self.write();
        ids.for_each(|id| live.delete(&id));
    }

    /// Deletes the points of documents at once.
    pub(in crate::embedded) fn delete_documents(&self, documents: &[DocumentId]) {
        let mut live = self.write();
        for document in documents {
            let rows = live.document_rows(*document.0.as_bytes());
            rows.into_iter().for_each(|id| live.delete(&id));
        }
    }

    /// Makes everything so far durable under `stamp`, and visible.
    pub(in crate::embedded) fn flush(&self, stamp: u64) -> Result<(), IndexError> {
        let columns = self.columns();
        columns.sync()?;
        let (folder, dead) = {
            let live = self.read();
            (live.folder.clone(), live.dead.clone())
        };
        let commit = Commit { rows: columns.count as u64, stamp, dead };
        commit.write(&folder)?;
        let snapshot = Arc::new(columns.snapshot()?);
        let mut live = self.write();
        live.snapshot = snapshot;
        live.hidden = Arc::new(commit.dead);
        live.replaced.clear();
        Ok(())
    }

    pub(in crate::embedded) fn search(&self, vector: &[f32], limit: usize, documents: &DocumentSet) -> Vec<Scored> {
        let (snapshot, hidden, allowed) = {
            let live = self.read();
            let allowed = documents.as_ref().map(|documents| {
                let mut rows = BitSet::default();
                let of = |document: &DocumentId| live.table.document_rows(*document.0.as_bytes());
                documents.iter().flat_map(of).for_each(|row| rows.insert(row));
                rows
            });
            (Arc::clone(&live.snapshot), Arc::clone(&live.hidden), allowed)
        };
        let rows = allowed.unwrap_or_else(|| BitSet::all(snapshot.count)).without(&hidden);
        scan::nearest(&snapshot, &rows, vector, limit)
    }

    pub(in crate::embedded) fn vectors(&self, ids: &[ChunkId]) -> Result<Vec<Option<Vec<f32>>>, IndexError> {
        let (files, rows) = {
            let live = self.read();
            let rows: Vec<Option<u32>> = ids.iter().map(|id| live.table.row(id.0.as_bytes())).collect();
            (Arc::clone(&live.files), rows)
        };
        let vector = |row: Option<u32>| row.map(|row| files.vector(row)).transpose();
        Ok(rows.into_iter().map(vector).collect::<Result<_, _>>()?)
    }

    /// Live points after an id, ordered by id.
    pub(in crate::embedded) fn points(&self, after: Option<ChunkId>, limit: usize) -> Vec<(ChunkId, DocumentId)> {
        let live = self.read();
        let mut smallest: BinaryHeap<([u8; 16], u32)> = BinaryHeap::with_capacity(limit + 1);
        for row in live.table.rows() {
            let id = live.table.id(row);
            let wanted = after.is_none_or(|after| id > *after.0.as_bytes());
            if wanted && (smallest.len() < limit || smallest.peek().is_some_and(|largest| id < largest.0)) {
                smallest.push((id, row));
                if smallest.len() > limit {
                    smallest.pop();
                }
            }
        }
        let point = |(id, row)| (to_chunk(id), DocumentId(Uuid::from_bytes(live.table.document(row))));
        smallest.into_sorted_vec().into_iter().map(point).collect()
    }

    pub(in crate::embedded) fn contains(&self, id: &[u8; 16]) -> bool {
        self.read().table.row(id).is_some()
    }

    /// Ids of the live points `keep` refuses.
    pub(in crate::embedded) fn ids_without(&self, keep: impl Fn(&[u8; 16]) -> bool) -> Vec<[u8; 16]> {
        let live = self.read();
        live.table.rows().map(|row| live.table.id(row)).filter(|id| !keep(id)).collect()
    }

    /// Live points, and dead rows.
    pub(in crate::embedded) fn counts(&self) -> (u64, u64) {
        let live = self.read();
        (live.table.len() as u64, live.dead.len())
    }
}

impl Live {
    fn replace(&mut self, old: u32, new: u32) {
        self.dead.insert(old);
        let flushed = if (old as usize) < self.snapshot.count { Some(old) } else { self.replaced.remove(&old) };
        if let Some(flushed) = flushed {
            self.replaced.insert(new, flushed);
        }
    }

    fn delete(&mut self, id: &[u8; 16]) {
        let Some(row) = self.table.remove(id) else { return };
        self.dead.insert(row);
        let hidden = Arc::make_mut(&mut self.hidden);
        hidden.insert(row);
        if let Some(old) = self.replaced.remove(&row) {
            hidden.insert(old);
        }
    }

    fn document_rows(&self, document: [u8; 16]) -> Vec<[u8; 16]> {
        let live = self.table.document_rows(document).filter(|row| !self.dead.contains(*row));
        live.map(|row| self.table.id(row)).collect()
    }
}

/// The table of a snapshot. Where an id has two rows the later one lives and the other one dies.
pub(super) fn build_table(snapshot: &Snapshot, dead: &mut BitSet) -> Table {
    let mut table = Table::default();
    for row in 0..snapshot.count {
        if dead.contains(row as u32) {
            table.push_dead(snapshot.id(row));
        } else if let Some(old) = table.push(snapshot.id(row), snapshot.document(row)) {
            dead.insert(old);
        }
    }
    table
}

fn to_chunk(id: [u8; 16]) -> ChunkId {
    ChunkId(Uuid::from_bytes(id))
}
