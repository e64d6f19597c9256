//! The packed layers of a model in a file beside its weights, which is mapped: packed once, then
//! shared by all processes through the page cache.
//!
//! `.packed/float16-avx512-vnni-embed-0123456789abcdef.bin`: a header of 64 bytes, the sections at
//! multiples of 64, and a table in JSON with their names, places and checksums and with the key:
//! everything that decides a section's bytes. All is checked when the file is opened, which costs
//! less than reading it from disk. Invariant: what is taken from here has the bits that packing
//! would give. A file that is damaged, foreign, unreadable or cannot be written is as good as none.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use memmap2::Mmap;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use crate::local::linear::{LINE, Lines};
use crate::models::hex;

const FOLDER: &str = ".packed";
const MAGIC: &[u8; 8] = b"SMTKPAK1";
const HEADER: usize = LINE;

/// Where the packed layers of a model lie, and what they must have been made of.
pub(crate) struct PackedPlace {
    folder: PathBuf,
    /// The file's name up to the digest of its key.
    stem: String,
    key: String,
}

/// What a load does with packed sections.
pub(crate) enum Sections {
    /// Takes them from a file.
    Found(PackedFile),
    /// Makes them, and writes them down.
    Made(RefCell<Option<PackedWriter>>),
    /// Makes them.
    Absent,
}

/// A packed file, mapped and found whole.
pub(crate) struct PackedFile {
    map: Arc<Mmap>,
    sections: BTreeMap<String, Section>,
}

/// A packed file that is being written.
pub(crate) struct PackedWriter {
    file: BufWriter<NamedTempFile>,
    position: usize,
    table: Table,
}

#[derive(Serialize, Deserialize)]
struct Table {
    key: String,
    sections: BTreeMap<String, Section>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
struct Section {
    offset: usize,
    bytes: usize,
    crc32: u32,
}

impl PackedPlace {
    /// The place for layers of the model in `folder`. `name` tells files apart that are wanted
    /// beside each other, `key` says all that the sections depend on.
    pub fn new(folder: &Path, name: &str, key: String) -> Self {
        Self { folder: folder.join(FOLDER), stem: format!("{name}-"), key }
    }

    /// The file, if it is there and whole.
    pub fn open(&self) -> Option<PackedFile> {
        let path = self.path();
        match self.read(&path) {
            Ok(file) => Some(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                tracing::warn!(%error, path = %path.display(), "packed weights cannot be used and are made again");
                None
            }
        }
    }

    /// Sections that are written as they are made, where that is possible.
    pub fn create(&self) -> Sections {
        let begin = || -> io::Result<PackedWriter> {
            fs::create_dir_all(&self.folder)?;
            // Readable for whoever may read the weights; the process's mask decides.
            let all = fs::Permissions::from_mode(0o666);
            let mut file = BufWriter::new(tempfile::Builder::new().permissions(all).tempfile_in(&self.folder)?);
            file.write_all(&[0; HEADER])?;
            let table = Table { key: self.key.clone(), sections: BTreeMap::new() };
            Ok(PackedWriter { file, position: HEADER, table })
        };
        match begin() {
            Ok(writer) => Sections::Made(RefCell::new(Some(writer))),
            Err(error) => {
                self.not_kept(&error);
                Sections::Absent
            }
        }
    }

    /// Puts the file in place, takes away what it replaces, and opens it.
    pub fn finish(&self, sections: Sections) -> Option<PackedFile> {
        let Sections::Made(writer) = sections else { return None };
        let writer = writer.into_inner()?;
        let path = self.path();
        if let Err(error) = writer.finish(&path) {
            self.not_kept(&error);
            return None;
        }
        self.sweep(&path);
        self.open()
    }

    fn path(&self) -> PathBuf {
        let digest = hex(&Sha256::digest(&self.key)[..8]);
        self.folder.join(format!("{}{digest}.bin", self.stem))
    }

    fn not_kept(&self, error: &io::Error) {
        let folder = self.folder.display();
        tracing::info!(%error, %folder, "packed weights are not kept; the next start packs them again");
    }

    /// Removes files of other keys, and what was never finished.
    fn sweep(&self, current: &Path) {
        let Ok(entries) = fs::read_dir(&self.folder) else { return };
        for path in entries.flatten().map(|entry| entry.path()).filter(|path| path != current) {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if name.starts_with(&self.stem) || !name.ends_with(".bin") {
                // It takes room and nothing else.
                drop(fs::remove_file(path));
            }
        }
    }

    fn read(&self, path: &Path) -> io::Result<PackedFile> {
        let file = File::open(path)?;
        // SAFETY: the map is only read; nothing in this program writes to a packed file in place.
        let map = unsafe { Mmap::map(&file)? };
        let table = table(&map).ok_or_else(|| damaged("its table cannot be read"))?;
        if table.key != self.key {
            return Err(damaged("it was made of something else"));
        }
        for (name, section) in &table.sections {
            if section.in_file(&map).is_none_or(|bytes| crc32fast::hash(bytes) != section.crc32) {
                return Err(damaged(&format!("section {name} is not what was written")));
            }
        }
        Ok(PackedFile { map: Arc::new(map), sections: table.sections })
    }
}

fn damaged(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

/// Header: what the format is, then place, length and checksum of the table.
fn table(map: &[u8]) -> Option<Table> {
    let header = map.get(..HEADER)?.strip_prefix(MAGIC)?;
    let ([offset, bytes, crc32, ..], _) = header.as_chunks::<8>() else { return None };
    let [offset, bytes, crc32] = [offset, bytes, crc32].map(|raw| u64::from_le_bytes(*raw));
    let section =
        Section { offset: offset.try_into().ok()?, bytes: bytes.try_into().ok()?, crc32: crc32.try_into().ok()? };
    let text = section.in_file(map).filter(|text| crc32fast::hash(text) == section.crc32)?;
    serde_json::from_slice(text).ok()
}

impl Section {
    fn in_file(self, map: &[u8]) -> Option<&[u8]> {
        map.get(self.offset..self.offset.checked_add(self.bytes)?).filter(|_| self.offset.is_multiple_of(LINE))
    }
}

impl Sections {
    /// The lines of a packed layer.
    pub fn lines(&self, name: &str) -> Option<Lines> {
        let (file, section) = self.find(name)?;
        Lines::mapped(&file.map, section.offset..section.offset + section.bytes)
    }

    /// Plain numbers.
    pub fn numbers(&self, name: &str) -> Option<Vec<f32>> {
        let (file, section) = self.find(name)?;
        let (numbers, rest) = section.in_file(&file.map)?.as_chunks::<4>();
        rest.is_empty().then(|| numbers.iter().map(|raw| f32::from_ne_bytes(*raw)).collect())
    }

    /// Writes a section down; where that fails, it and all others are just made.
    pub fn keep(&self, name: &str, bytes: &[u8]) {
        let Self::Made(writer) = self else { return };
        let mut writer = writer.borrow_mut();
        if let Some(Err(error)) = writer.as_mut().map(|writer| writer.section(name, bytes)) {
            tracing::info!(%error, "packed weights are not kept; the next start packs them again");
            *writer = None;
        }
    }

    fn find(&self, name: &str) -> Option<(&PackedFile, Section)> {
        let Self::Found(file) = self else { return None };
        Some((file, *file.sections.get(name)?))
    }
}

impl PackedWriter {
    fn section(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let section = self.append(bytes)?;
        if self.table.sections.insert(name.to_owned(), section).is_some() {
            return Err(io::Error::other(format!("two sections are named {name}")));
        }
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<Section> {
        let section = Section { offset: self.position, bytes: bytes.len(), crc32: crc32fast::hash(bytes) };
        let padding = bytes.len().next_multiple_of(LINE) - bytes.len();
        self.file.write_all(bytes)?;
        self.file.write_all(&[0; LINE][..padding])?;
        self.position += bytes.len() + padding;
        Ok(section)
    }

    /// The name appears when everything is on disk, so that no map can meet a page that is not.
    fn finish(mut self, path: &Path) -> io::Result<()> {
        let text = serde_json::to_vec(&self.table)?;
        let table = self.append(&text)?;
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(MAGIC)?;
        for number in [table.offset as u64, table.bytes as u64, u64::from(table.crc32)] {
            self.file.write_all(&number.to_le_bytes())?;
        }
        let file = self.file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.as_file().sync_data()?;
        file.persist(path).map(drop).map_err(|error| error.error)
    }
}
