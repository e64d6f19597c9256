//! A segment: a file of records and, beside it, a small file that says where each one lies.
//!
//! `00000001.vectors`: 8 bytes that name the format, then records of a key (32 bytes), the numbers
//! of a vector (4 bytes each) and the CRC-32 of both. `00000001.places`: 8 bytes that name the
//! format, then 12 bytes for each record: its key's short form and its offset. All numbers are
//! little-endian. The second file spares reading the first one at start; it is never believed.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::super::Vector;
use super::super::key::Key;

const VECTORS: &[u8; 8] = b"SMTKVEC1";
const PLACES: &[u8; 8] = b"SMTKPLC1";
const KEY: usize = 32;
const CHECKSUM: usize = 4;
/// Bytes of an entry in the second file.
pub(super) const PLACE: usize = 12;

/// The two files of a segment.
pub(super) struct Segment {
    vectors: File,
    places: File,
}

/// How far the files go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lengths {
    pub vectors: u64,
    pub places: u64,
}

/// Where a record lies, and what its key begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub short: u64,
    pub offset: u32,
}

impl Lengths {
    pub fn sum(self) -> u64 {
        self.vectors + self.places
    }
}

impl Segment {
    /// Makes an empty one.
    pub fn create(folder: &Path, number: u32) -> io::Result<(Self, Lengths)> {
        let make = |path: PathBuf| File::options().read(true).write(true).create(true).truncate(true).open(path);
        let [vectors, places] = paths(folder, number).map(make);
        let segment = Self { vectors: vectors?, places: places? };
        segment.vectors.write_all_at(VECTORS, 0)?;
        segment.places.write_all_at(PLACES, 0)?;
        Ok((segment, Lengths { vectors: VECTORS.len() as u64, places: PLACES.len() as u64 }))
    }

    /// Opens one that is there, with what it says it holds; an incomplete end is left out.
    ///
    /// # Errors
    /// When a file is missing, unreadable or not ours.
    pub fn open(folder: &Path, number: u32) -> io::Result<(Self, Lengths, Vec<Place>)> {
        let [vectors, places] = paths(folder, number);
        let known = fs::read(&places)?;
        let open = |path: PathBuf| File::options().read(true).write(true).open(path);
        let segment = Self { vectors: open(vectors)?, places: open(places)? };
        let mut magic = [0; VECTORS.len()];
        segment.vectors.read_exact_at(&mut magic, 0)?;
        let entries = known.strip_prefix(PLACES).filter(|_| magic == *VECTORS).ok_or(io::ErrorKind::InvalidData)?;
        let size = segment.vectors.metadata()?.len();
        let (entries, _) = entries.as_chunks::<PLACE>();
        let lengths = Lengths { vectors: size, places: (PLACES.len() + entries.len() * PLACE) as u64 };
        let places = entries.iter().map(Place::read).filter(|place| u64::from(place.offset) < size).collect();
        Ok((segment, lengths, places))
    }

    /// Deletes the files of a segment.
    ///
    /// # Errors
    /// When one that is there cannot be deleted.
    pub fn remove(folder: &Path, number: u32) -> io::Result<()> {
        for path in paths(folder, number) {
            match fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
    }

    /// Writes records and then their places behind what is there.
    pub fn append(&self, records: &[u8], places: &[Place], lengths: &mut Lengths) -> io::Result<()> {
        self.vectors.write_all_at(records, lengths.vectors)?;
        lengths.vectors += records.len() as u64;
        let entries: Vec<u8> = places.iter().flat_map(|place| place.bytes()).collect();
        self.places.write_all_at(&entries, lengths.places)?;
        lengths.places += entries.len() as u64;
        Ok(())
    }

    /// The vector of `key` at `offset`, or nothing where something else lies there.
    pub fn read(&self, offset: u32, key: &Key, dimensions: usize, buffer: &mut Vec<u8>) -> Option<Vector> {
        buffer.resize(record_bytes(dimensions), 0);
        self.vectors.read_exact_at(buffer, u64::from(offset)).ok()?;
        let (content, checksum) = buffer.split_last_chunk::<CHECKSUM>()?;
        let numbers = content.strip_prefix(&key.0)?;
        (crc32fast::hash(content) == u32::from_le_bytes(*checksum))
            .then(|| numbers.as_chunks::<4>().0.iter().map(|raw| f32::from_le_bytes(*raw)).collect())
    }
}

impl Place {
    fn read(bytes: &[u8; PLACE]) -> Self {
        let [short @ .., a, b, c, d] = *bytes;
        Self { short: u64::from_le_bytes(short), offset: u32::from_le_bytes([a, b, c, d]) }
    }

    fn bytes(self) -> impl Iterator<Item = u8> {
        self.short.to_le_bytes().into_iter().chain(self.offset.to_le_bytes())
    }
}

/// Bytes of a record.
pub(super) fn record_bytes(dimensions: usize) -> usize {
    KEY + 4 * dimensions + CHECKSUM
}

/// Writes a record to the end of `into`.
pub(super) fn write_record(key: &Key, vector: &Vector, into: &mut Vec<u8>) {
    let start = into.len();
    into.extend_from_slice(&key.0);
    into.extend(vector.iter().flat_map(|number| number.to_le_bytes()));
    into.extend(crc32fast::hash(&into[start..]).to_le_bytes());
}

/// The numbers of the segments in a folder, oldest first.
pub(super) fn numbers(folder: &Path) -> io::Result<Vec<u32>> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = PathBuf::from(entry?.file_name());
        let ours = path.extension().is_some_and(|ending| ending == "vectors" || ending == "places");
        let stem = path.file_stem().and_then(|stem| stem.to_str()).filter(|stem| ours && stem.len() == 8);
        numbers.extend(stem.and_then(|stem| stem.parse::<u32>().ok()));
    }
    numbers.sort_unstable();
    numbers.dedup();
    Ok(numbers)
}

fn paths(folder: &Path, number: u32) -> [PathBuf; 2] {
    ["vectors", "places"].map(|ending| folder.join(format!("{number:08}.{ending}")))
}
