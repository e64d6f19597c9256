//! The append-only files of the dense leg: sign bits, codes, and row headers with checksums.
//!
//! Row `n` is record `n` of each file. A header holds the chunk's id, the document's id, a checksum
//! of the whole row, and a checksum of the header itself, so that opening reads headers only.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use memmap2::Mmap;

use super::bitset::BitSet;
use super::code;
use super::part::Row;
use crate::IndexError;

const HEADER_BYTES: usize = 40;
/// Rows before the end whose whole content is checked at every open.
const CHECKED_TAIL: usize = 4096;
/// Row numbers are 32 bits wide and the largest marks an end.
const MAX_ROWS: usize = u32::MAX as usize - 1;

/// The open files.
pub(super) struct Files {
    bits: File,
    codes: File,
    rows: File,
    pub(super) dimensions: usize,
}

/// The files and how many rows they hold.
pub(super) struct Columns {
    pub(super) files: Arc<Files>,
    pub(super) count: usize,
}

/// The rows that were there when it was made, mapped; later appends do not change it.
pub(super) struct Snapshot {
    bits: Mmap,
    codes: Mmap,
    rows: Mmap,
    pub(super) count: usize,
    dimensions: usize,
}

impl Columns {
    /// Opens the files of a folder, making those that are missing.
    pub(super) fn open(folder: &Path, dimensions: usize) -> io::Result<Self> {
        let open =
            |name: &str| OpenOptions::new().read(true).write(true).create(true).truncate(false).open(folder.join(name));
        let files = Files { bits: open("bits")?, codes: open("codes")?, rows: open("rows")?, dimensions };
        Ok(Self { files: Arc::new(files), count: 0 })
    }

    /// Drops what is past the last whole row, and past `committed` where that is known. Returns the
    /// damaged rows among those kept; without `committed` the first damaged row ends the files.
    pub(super) fn recover(&mut self, committed: Option<usize>) -> Result<BitSet, IndexError> {
        let mut whole = committed.unwrap_or(MAX_ROWS);
        for (file, size) in self.files.sizes() {
            whole = whole.min(file.metadata()?.len() as usize / size);
        }
        self.count = whole;
        let snapshot = self.snapshot()?;
        let mut damaged = BitSet::default();
        for row in 0..whole {
            let deep = committed.is_none() || row + CHECKED_TAIL >= whole;
            if snapshot.is_whole(row, deep) {
                continue;
            }
            if committed.is_none() {
                self.count = row;
                break;
            }
            damaged.insert(row as u32);
        }
        self.cut()?;
        Ok(damaged)
    }

    /// Makes the files end after the last row.
    fn cut(&self) -> io::Result<()> {
        for (file, size) in self.files.sizes() {
            let end = (self.count * size) as u64;
            if file.metadata()?.len() != end {
                file.set_len(end)?;
            }
        }
        Ok(())
    }

    /// Appends rows; when the disk refuses, none of them is there.
    pub(super) fn append(&mut self, rows: &[Row<'_>]) -> Result<(), IndexError> {
        let mut buffers: [Vec<u8>; 3] = Default::default();
        for row in rows {
            let [bits, codes, headers] = &mut buffers;
            let (bits_at, codes_at, header_at) = (bits.len(), codes.len(), headers.len());
            code::push_bits(row.vector, bits);
            code::push_codes(row.vector, codes);
            headers.extend_from_slice(row.id);
            headers.extend_from_slice(row.document);
            let checksum = row_checksum(&headers[header_at..], &bits[bits_at..], &codes[codes_at..]);
            headers.extend_from_slice(&checksum.to_le_bytes());
            let checksum = crc32fast::hash(&headers[header_at..]);
            headers.extend_from_slice(&checksum.to_le_bytes());
        }
        self.append_records(&buffers, rows.len())
    }

    /// Copies rows of a snapshot to the end.
    pub(super) fn copy(&mut self, from: &Snapshot, rows: &[u32]) -> Result<(), IndexError> {
        for batch in rows.chunks(4096) {
            let mut buffers: [Vec<u8>; 3] = Default::default();
            for row in batch.iter().map(|row| *row as usize) {
                buffers[0].extend_from_slice(from.bits(row, row + 1));
                buffers[1].extend_from_slice(from.codes(row));
                buffers[2].extend_from_slice(from.header(row));
            }
            self.append_records(&buffers, batch.len())?;
        }
        Ok(())
    }

    fn append_records(&mut self, buffers: &[Vec<u8>; 3], rows: usize) -> Result<(), IndexError> {
        if self.count + rows > MAX_ROWS {
            return Err(IndexError::Unavailable("the index is full: compact it or split the collection".into()));
        }
        for ((file, size), buffer) in self.files.sizes().into_iter().zip(buffers) {
            if let Err(error) = file.write_all_at(buffer, (self.count * size) as u64) {
                // What was written past the end is never read; the next append overwrites it.
                let _ = self.cut();
                return Err(error.into());
            }
        }
        self.count += rows;
        Ok(())
    }

    pub(super) fn sync(&self) -> io::Result<()> {
        self.files.sizes().into_iter().try_for_each(|(file, _)| file.sync_data())
    }

    pub(super) fn snapshot(&self) -> io::Result<Snapshot> {
        let map = |(file, size): (&File, usize)| {
            // SAFETY: rows below `count` are never changed or cut while the process runs, and the
            // folder's lock keeps other processes away.
            unsafe { memmap2::MmapOptions::new().len(self.count * size).map(file) }
        };
        let [bits, codes, rows] = self.files.sizes().map(map);
        Ok(Snapshot { bits: bits?, codes: codes?, rows: rows?, count: self.count, dimensions: self.files.dimensions })
    }
}

impl Files {
    fn sizes(&self) -> [(&File, usize); 3] {
        [
            (&self.bits, code::bits_bytes(self.dimensions)),
            (&self.codes, code::codes_bytes(self.dimensions)),
            (&self.rows, HEADER_BYTES),
        ]
    }

    /// The vector of a row, flushed or not.
    pub(super) fn vector(&self, row: u32) -> io::Result<Vec<f32>> {
        let read = |file: &File, size: usize| {
            let mut record = vec![0; size];
            file.read_exact_at(&mut record, u64::from(row) * size as u64).map(|()| record)
        };
        let [(bits, bits_size), (codes, codes_size), _] = self.sizes();
        Ok(code::decode(&read(bits, bits_size)?, &read(codes, codes_size)?))
    }
}

impl Snapshot {
    pub(super) fn bits(&self, start: usize, end: usize) -> &[u8] {
        let size = code::bits_bytes(self.dimensions);
        &self.bits[start * size..end * size]
    }

    pub(super) fn codes(&self, row: usize) -> &[u8] {
        let size = code::codes_bytes(self.dimensions);
        &self.codes[row * size..(row + 1) * size]
    }

    fn header(&self, row: usize) -> &[u8] {
        &self.rows[row * HEADER_BYTES..(row + 1) * HEADER_BYTES]
    }

    pub(super) fn id(&self, row: usize) -> [u8; 16] {
        self.header(row)[..16].try_into().expect("an id is 16 bytes")
    }

    pub(super) fn document(&self, row: usize) -> [u8; 16] {
        self.header(row)[16..32].try_into().expect("an id is 16 bytes")
    }

    fn is_whole(&self, row: usize, deep: bool) -> bool {
        let header = self.header(row);
        let stored = |at: usize| u32::from_le_bytes(header[at..at + 4].try_into().expect("a checksum is four bytes"));
        stored(36) == crc32fast::hash(&header[..36])
            && (!deep || stored(32) == row_checksum(&header[..32], self.bits(row, row + 1), self.codes(row)))
    }
}

fn row_checksum(ids: &[u8], bits: &[u8], codes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    [ids, bits, codes].into_iter().for_each(|part| hasher.update(part));
    hasher.finalize()
}
