//! The file that says what a generation's folder holds and which dense files are in use.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::files;
use crate::IndexError;

const NAME: &str = "meta.json";
const FORMAT: u32 = 1;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Meta {
    format: u32,
    pub(super) dimensions: usize,
    /// Number of the dense files in use; compaction writes the next one.
    pub(super) dense: u64,
    checksum: u32,
}

impl Meta {
    pub(super) fn new(dimensions: usize, dense: u64) -> Self {
        let checksum = checksum(FORMAT, dimensions, dense);
        Self { format: FORMAT, dimensions, dense, checksum }
    }

    /// The meta file of a folder; none when the folder was never finished.
    pub(super) fn read(folder: &Path) -> Result<Option<Self>, IndexError> {
        let content = match std::fs::read(folder.join(NAME)) {
            Ok(content) => content,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let damaged = |_| IndexError::Corrupt("its meta file cannot be read".into());
        let meta: Self = serde_json::from_slice(&content).map_err(damaged)?;
        if meta.format != FORMAT {
            return Err(IndexError::Corrupt(format!("its format is {}, this program reads {FORMAT}", meta.format)));
        }
        if meta.checksum != checksum(meta.format, meta.dimensions, meta.dense) {
            return Err(IndexError::Corrupt("its meta file has a wrong checksum".into()));
        }
        Ok(Some(meta))
    }

    pub(super) fn write(&self, folder: &Path) -> Result<(), IndexError> {
        let content = serde_json::to_vec(self).map_err(|error| IndexError::Unavailable(error.to_string()))?;
        Ok(files::replace(&folder.join(NAME), &content)?)
    }

    pub(super) fn dense_folder(&self, folder: &Path) -> PathBuf {
        folder.join(format!("dense-{}", self.dense))
    }
}

fn checksum(format: u32, dimensions: usize, dense: u64) -> u32 {
    crc32fast::hash(format!("{format}/{dimensions}/{dense}").as_bytes())
}
