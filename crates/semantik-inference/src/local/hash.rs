//! The SHA-256 of a model's weights, computed once and remembered beside them.
//!
//! The stamp holds size and modification time; a file that changed is hashed again. A folder that
//! cannot be written to costs the computation at every start and nothing else.

use std::io;
use std::path::Path;
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

use crate::InferenceError;
use crate::local::settings::invalid;
use crate::models::sha256_of;

const STAMP: &str = "model.safetensors.sha256.json";

#[derive(Serialize, Deserialize)]
struct Stamp {
    size: u64,
    modified_ns: u64,
    sha256: String,
}

/// The SHA-256 of `model.safetensors` in `folder`, lower-case hex.
///
/// # Errors
/// When the file cannot be read.
pub fn weights_hash(folder: &Path) -> Result<String, InferenceError> {
    let fail = |error: io::Error| invalid(folder, format!("model.safetensors: {error}"));
    let file = folder.join("model.safetensors");
    let (size, modified_ns) = state(&file).map_err(fail)?;
    let known = std::fs::read(folder.join(STAMP)).ok().and_then(|text| serde_json::from_slice::<Stamp>(&text).ok());
    if let Some(stamp) = known.filter(|stamp| stamp.size == size && stamp.modified_ns == modified_ns) {
        return Ok(stamp.sha256);
    }
    let sha256 = sha256_of(&file).map_err(fail)?;
    if let Err(error) = remember(folder, &Stamp { size, modified_ns, sha256: sha256.clone() }) {
        tracing::debug!(%error, folder = %folder.display(), "the hash of the weights is not remembered");
    }
    Ok(sha256)
}

fn state(file: &Path) -> io::Result<(u64, u64)> {
    let meta = std::fs::metadata(file)?;
    let modified = meta.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok((meta.len(), u64::try_from(modified.as_nanos()).unwrap_or(u64::MAX)))
}

fn remember(folder: &Path, stamp: &Stamp) -> io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    serde_json::to_writer(&mut file, stamp)?;
    file.persist(folder.join(STAMP)).map(drop).map_err(|error| error.error)
}
