//! The SHA-256 of a model's weights, computed once and remembered beside them.
//!
//! The stamp holds size and modification time; a file that changed is hashed again. A folder that
//! cannot be written to costs the computation once in every process and nothing else.

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::InferenceError;
use crate::local::settings::invalid;
use crate::local::shards::weight_files;
use crate::models::{hex, sha256_of};

const STAMP: &str = "model.safetensors.sha256.json";

/// A file that changed so lately may change again and keep its time.
const SETTLED: Duration = Duration::from_secs(2);

/// What this process has hashed, folder by folder.
static KNOWN: Mutex<Vec<(PathBuf, Stamp)>> = Mutex::new(Vec::new());
/// Most folders that are remembered.
const MOST_KNOWN: usize = 64;

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp {
    size: u64,
    modified_ns: u64,
    sha256: String,
}

/// The SHA-256 of `model.safetensors` in `folder`, lower-case hex; of several files, the SHA-256 of
/// theirs in hex, one after the other.
///
/// # Errors
/// When a file cannot be read.
pub fn weights_hash(folder: &Path) -> Result<String, InferenceError> {
    let fail = |error: io::Error| invalid(folder, format!("model.safetensors: {error}"));
    let files: Vec<PathBuf> = weight_files(folder)?.into_iter().map(|file| folder.join(file)).collect();
    let states = files.iter().map(|file| state(file)).collect::<io::Result<Vec<_>>>().map_err(fail)?;
    let size = states.iter().map(|(size, _)| size).sum();
    let modified_ns = states.iter().map(|(_, modified)| *modified).max().unwrap_or_default();
    let stamps = [|folder: &Path| read_stamp(folder), |folder: &Path| known(folder)];
    let same = |stamp: &Stamp| stamp.size == size && stamp.modified_ns == modified_ns;
    if let Some(stamp) = stamps.iter().find_map(|stamp| stamp(folder).filter(same)) {
        return Ok(stamp.sha256);
    }
    let hashes = files.iter().map(|file| sha256_of(file)).collect::<io::Result<Vec<_>>>().map_err(fail)?;
    let sha256 = match &hashes[..] {
        [one] => one.clone(),
        several => hex(&Sha256::digest(several.concat())),
    };
    let age = SystemTime::now().duration_since(UNIX_EPOCH + Duration::from_nanos(modified_ns));
    if age.is_ok_and(|age| age > SETTLED) {
        remember(folder, Stamp { size, modified_ns, sha256: sha256.clone() });
    }
    Ok(sha256)
}

fn read_stamp(folder: &Path) -> Option<Stamp> {
    serde_json::from_slice(&std::fs::read(folder.join(STAMP)).ok()?).ok()
}

fn known(folder: &Path) -> Option<Stamp> {
    let known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    known.iter().find(|(of, _)| of == folder).map(|(_, stamp)| stamp.clone())
}

fn state(file: &Path) -> io::Result<(u64, u64)> {
    let meta = std::fs::metadata(file)?;
    let modified = meta.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok((meta.len(), u64::try_from(modified.as_nanos()).unwrap_or(u64::MAX)))
}

fn remember(folder: &Path, stamp: Stamp) {
    if let Err(error) = write_stamp(folder, &stamp) {
        tracing::debug!(%error, folder = %folder.display(), "the hash of the weights is not remembered");
    }
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    known.retain(|(of, _)| of != folder);
    known.truncate(MOST_KNOWN - 1);
    known.insert(0, (folder.to_owned(), stamp));
}

fn write_stamp(folder: &Path, stamp: &Stamp) -> io::Result<()> {
    // Readable for whoever may read the weights; the process's mask decides.
    let all = Permissions::from_mode(0o666);
    let mut file = tempfile::Builder::new().permissions(all).tempfile_in(folder)?;
    serde_json::to_writer(&mut file, stamp)?;
    file.persist(folder.join(STAMP)).map(drop).map_err(|error| error.error)
}
