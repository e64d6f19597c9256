//! The commit file: how many rows are durable and which of them are dead, replaced at once by `flush`.

use std::io;
use std::path::Path;

use roaring::RoaringBitmap;

use super::bitset::BitSet;
use crate::embedded::files;

const NAME: &str = "commit";
const MAGIC: &[u8; 4] = b"SDC1";
const HEAD_BYTES: usize = 20;

/// What the last flush made durable.
#[derive(Debug)]
pub(super) struct Commit {
    pub(super) rows: u64,
    /// The number of the flush; the lexical part carries the same one.
    pub(super) stamp: u64,
    pub(super) dead: BitSet,
}

impl Commit {
    pub(super) fn write(&self, folder: &Path) -> io::Result<()> {
        let mut content = MAGIC.to_vec();
        content.extend_from_slice(&self.rows.to_le_bytes());
        content.extend_from_slice(&self.stamp.to_le_bytes());
        self.dead.to_roaring().serialize_into(&mut content)?;
        content.extend_from_slice(&crc32fast::hash(&content).to_le_bytes());
        files::replace(&folder.join(NAME), &content)
    }

    /// The last commit; none when there was none or it is damaged.
    pub(super) fn read(folder: &Path) -> io::Result<Option<Self>> {
        match std::fs::read(folder.join(NAME)) {
            Ok(content) => Ok(Self::parse(&content)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn parse(content: &[u8]) -> Option<Self> {
        let (content, checksum) = content.split_last_chunk::<4>()?;
        if crc32fast::hash(content) != u32::from_le_bytes(*checksum) || !content.starts_with(MAGIC) {
            return None;
        }
        let number = |at: usize| content.get(at..at + 8)?.try_into().ok().map(u64::from_le_bytes);
        let dead = RoaringBitmap::deserialize_from(content.get(HEAD_BYTES..)?).ok()?;
        Some(Self { rows: number(4)?, stamp: number(12)?, dead: BitSet::from_roaring(&dead) })
    }
}
