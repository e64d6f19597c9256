//! Freeing dead rows: live rows are copied to new files while searches and writes go on, then the
//! index switches to them under its writer lock.

use std::path::Path;
use std::sync::Arc;

use super::bitset::BitSet;
use super::columns::{Columns, Snapshot};
use super::commit::Commit;
use super::part::{DensePart, build_table};
use crate::IndexError;
use crate::embedded::files;

/// Fewer dead rows than this are not worth a copy, nor is a smaller share of all rows.
const MIN_DEAD: u64 = 10_000;
const MIN_DEAD_SHARE: f64 = 0.2;

/// Copied rows, not in use yet.
pub(in crate::embedded) struct Draft {
    columns: Columns,
    /// For each row of the copy, the row it came from.
    from: Vec<u32>,
    /// Rows below this one were copied or dead.
    copied: usize,
}

impl DensePart {
    pub(in crate::embedded) fn is_worth_compacting(&self) -> bool {
        let (live, dead) = self.counts();
        dead > MIN_DEAD && dead as f64 > MIN_DEAD_SHARE * (live + dead) as f64
    }

    /// Copies the live flushed rows to an empty folder.
    pub(in crate::embedded) fn draft(&self, folder: &Path) -> Result<Draft, IndexError> {
        files::remove_folder(folder)?;
        std::fs::create_dir_all(folder)?;
        let (snapshot, dead, dimensions) = {
            let live = self.read();
            (Arc::clone(&live.snapshot), Arc::clone(&live.hidden), live.files.dimensions)
        };
        let columns = Columns::open(folder, dimensions)?;
        let mut draft = Draft { columns, from: Vec::new(), copied: 0 };
        draft.copy(&snapshot, &dead)?;
        draft.columns.sync()?;
        Ok(draft)
    }

    /// Switches to a draft. The caller has just flushed under `stamp` and keeps writers away;
    /// `switch` makes the draft's folder the one that the next open takes.
    pub(in crate::embedded) fn adopt(
        &self,
        mut draft: Draft,
        folder: &Path,
        stamp: u64,
        switch: impl FnOnce() -> Result<(), IndexError>,
    ) -> Result<(), IndexError> {
        let mut columns = self.columns();
        let (snapshot, dead) = {
            let live = self.read();
            (Arc::clone(&live.snapshot), live.dead.clone())
        };
        draft.copy(&snapshot, &dead)?;
        draft.columns.sync()?;
        let mut dead_now = BitSet::default();
        let died = (0u32..).zip(&draft.from).filter(|(_, old)| dead.contains(**old));
        died.for_each(|(new, _)| dead_now.insert(new));
        let fresh = Arc::new(draft.columns.snapshot()?);
        let table = build_table(&fresh, &mut dead_now);
        let commit = Commit { rows: fresh.count as u64, stamp, dead: dead_now };
        commit.write(folder)?;
        switch()?;

        let mut live = self.write();
        live.folder = folder.to_owned();
        live.files = Arc::clone(&draft.columns.files);
        *columns = draft.columns;
        live.table = table;
        live.hidden = Arc::new(commit.dead.clone());
        live.dead = commit.dead;
        live.replaced.clear();
        live.snapshot = fresh;
        Ok(())
    }
}

impl Draft {
    /// Copies the live rows that are not copied yet.
    fn copy(&mut self, snapshot: &Snapshot, dead: &BitSet) -> Result<(), IndexError> {
        let rows: Vec<u32> = dead.missing_in(self.copied, snapshot.count).map(|row| row as u32).collect();
        self.columns.copy(snapshot, &rows)?;
        self.from.extend(rows);
        self.copied = snapshot.count;
        Ok(())
    }
}
