//! The folder of segments: read by every caller, written by one thread.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use super::super::Vector;
use super::super::key::Key;
use super::segment::record_bytes;
use super::table::Table;
use super::writer::Writer;

/// Most bytes that wait to be written; what comes on top is not remembered.
const MOST_WAITING: usize = 16 * 1024 * 1024;

/// Vectors to be written together.
pub(super) type Batch = Vec<(Key, Vector)>;

/// An open cache folder. Dropping it writes what waits.
pub(in crate::cache) struct Disk {
    shared: Arc<Shared>,
    batches: Option<Sender<Batch>>,
    thread: Option<JoinHandle<()>>,
    /// Held as long as the folder is ours.
    _lock: File,
}

/// What readers and the writer share.
#[derive(Default)]
pub(super) struct Shared {
    table: Mutex<Table>,
    waiting_bytes: AtomicUsize,
}

impl Disk {
    /// Opens `folder`, or makes it, for up to `most_bytes`.
    ///
    /// # Errors
    /// When it cannot be written to, or another process has it.
    pub fn open(folder: &Path, most_bytes: u64) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let lock = File::options().create(true).truncate(false).write(true).open(folder.join("lock"))?;
        lock.try_lock().map_err(|error| match error {
            fs::TryLockError::WouldBlock => io::Error::other("another process uses the folder"),
            fs::TryLockError::Error(error) => error,
        })?;
        let shared = Arc::new(Shared::default());
        let writer = Writer::open(folder, most_bytes, Arc::clone(&shared))?;
        let (batches, receiver) = channel();
        let thread = std::thread::Builder::new().name("embedding-cache".into()).spawn(move || writer.run(&receiver))?;
        Ok(Self { shared, batches: Some(batches), thread: Some(thread), _lock: lock })
    }

    /// The vectors of those keys that are here.
    pub fn get(&self, keys: HashSet<Key>, dimensions: usize) -> Vec<(Key, Vector)> {
        let table = self.shared.table();
        let found: Vec<_> = keys.into_iter().filter_map(|key| Some((key, table.find(&key)?))).collect();
        drop(table);
        let mut buffer = Vec::with_capacity(record_bytes(dimensions));
        let mut vectors = Vec::with_capacity(found.len());
        for (key, place) in found {
            match place.segment.read(place.offset, &key, dimensions, &mut buffer) {
                Some(vector) => vectors.push((key, vector)),
                None => self.shared.table().forget(&key, place.offset),
            }
        }
        vectors
    }

    /// Has vectors written, soon.
    pub fn put(&self, batch: Batch) {
        let bytes = bytes_of(&batch);
        let waiting = self.shared.waiting_bytes.load(Ordering::Relaxed);
        if waiting > 0 && waiting + bytes > MOST_WAITING {
            return;
        }
        self.shared.waiting_bytes.fetch_add(bytes, Ordering::Relaxed);
        if let Some(batches) = &self.batches {
            // It fails when the writer met a defect; then nothing is remembered.
            drop(batches.send(batch));
        }
    }
}

impl Shared {
    pub fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says that a batch waits no longer.
    pub fn done(&self, batch: &Batch) {
        self.waiting_bytes.fetch_sub(bytes_of(batch), Ordering::Relaxed);
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        self.batches = None;
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn bytes_of(batch: &Batch) -> usize {
    batch.iter().map(|(_, vector)| record_bytes(vector.len())).sum()
}
