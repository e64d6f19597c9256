//! The thread that appends, begins new segments and deletes the oldest.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use super::segment::{self, Lengths, PLACE, Place, Segment, record_bytes, write_record};
use super::store::{Batch, Shared};

/// So many segments fill the room; one of them is lost when room runs out.
const SEGMENTS: u64 = 16;
/// Offsets have 32 bits.
const LARGEST: u64 = 1 << 31;
/// Bytes of records written at once.
const PART: usize = 1 << 20;

/// Owns the files' ends.
pub(super) struct Writer {
    folder: PathBuf,
    shared: Arc<Shared>,
    most_bytes: u64,
    /// Every segment with its size, oldest first; the last one is appended to.
    segments: VecDeque<(u32, Lengths)>,
}

/// Records that are written at once; their places count from the first of them.
#[derive(Default)]
struct Part {
    records: Vec<u8>,
    places: Vec<Place>,
}

impl Writer {
    /// Reads what is in `folder` into the shared table; files that are damaged or not ours go.
    pub fn open(folder: &Path, most_bytes: u64, shared: Arc<Shared>) -> io::Result<Self> {
        let mut segments = VecDeque::new();
        for number in segment::numbers(folder)? {
            match Segment::open(folder, number) {
                Ok((segment, lengths, places)) => {
                    let mut table = shared.table();
                    table.add_segment(number, Arc::new(segment));
                    table.add(number, &places);
                    segments.push_back((number, lengths));
                }
                Err(error) => {
                    tracing::warn!(%error, number, "a file of remembered vectors is damaged and is deleted");
                    Segment::remove(folder, number)?;
                }
            }
        }
        let mut writer = Self { folder: folder.to_owned(), shared, most_bytes, segments };
        writer.make_room(0)?;
        writer.report();
        Ok(writer)
    }

    /// Writes what comes until nobody can send any more.
    pub fn run(mut self, batches: &Receiver<Batch>) {
        let mut stopped = false;
        for batch in batches {
            if !stopped && let Err(error) = self.write(&batch) {
                stopped = true;
                let folder = self.folder.display();
                tracing::warn!(%error, %folder, "vectors of passages are no longer remembered on disk; free some room and restart");
            }
            self.shared.done(&batch);
        }
    }

    fn write(&mut self, batch: &Batch) -> io::Result<()> {
        let shared = Arc::clone(&self.shared);
        let most = PART.min(self.segment_bytes() as usize);
        let mut part = Part::default();
        for (key, vector) in batch.iter().filter(|(key, _)| !shared.table().has(key)) {
            if part.records.len() + record_bytes(vector.len()) > most {
                self.append(std::mem::take(&mut part))?;
            }
            part.places.push(Place { short: key.short(), offset: part.records.len() as u32 });
            write_record(key, vector, &mut part.records);
        }
        self.append(part)?;
        self.report();
        Ok(())
    }

    fn append(&mut self, mut part: Part) -> io::Result<()> {
        let needed = (part.records.len() + part.places.len() * PLACE) as u64;
        if part.places.is_empty() || needed > self.most_bytes / 2 {
            return Ok(());
        }
        self.make_room(needed)?;
        let full = |(_, lengths): &(u32, Lengths)| lengths.sum() + needed > self.segment_bytes();
        if self.segments.back().is_none_or(full) {
            self.begin()?;
        }
        let Some((number, lengths)) = self.segments.back_mut() else { return Ok(()) };
        let Some(segment) = self.shared.table().segment(*number) else { return Ok(()) };
        let first = lengths.vectors as u32;
        part.places.iter_mut().for_each(|place| place.offset += first);
        segment.append(&part.records, &part.places, lengths)?;
        self.shared.table().add(*number, &part.places);
        Ok(())
    }

    fn report(&self) {
        metrics::gauge!("semantik_embedding_cache_bytes", "part" => "disk").set(self.bytes() as f64);
    }

    fn bytes(&self) -> u64 {
        self.segments.iter().map(|(_, lengths)| lengths.sum()).sum()
    }

    fn begin(&mut self) -> io::Result<()> {
        let number = self.segments.back().map_or(1, |(number, _)| number + 1);
        let (segment, lengths) = Segment::create(&self.folder, number)?;
        self.shared.table().add_segment(number, Arc::new(segment));
        self.segments.push_back((number, lengths));
        Ok(())
    }

    /// Deletes the oldest segments until `needed` more bytes fit.
    fn make_room(&mut self, needed: u64) -> io::Result<()> {
        while self.bytes() + needed > self.most_bytes {
            let Some((number, _)) = self.segments.pop_front() else { break };
            self.shared.table().remove_segment(number);
            Segment::remove(&self.folder, number)?;
        }
        Ok(())
    }

    fn segment_bytes(&self) -> u64 {
        (self.most_bytes / SEGMENTS).min(LARGEST)
    }
}
