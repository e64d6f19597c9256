//! What decides the bits of a result beside the weights: the small files, the instructions, and
//! the source of this engine.
//!
//! Two processes with the same weights, precision and variant compute the same bits. So nobody has
//! to remember to raise a number when a kernel changes.

use std::path::Path;

use sha2::{Digest, Sha256};

use crate::local::isa::Isa;
use crate::local::settings::SMALL_FILES;
use crate::models::hex;

/// Set by the build script.
const ENGINE: &str = env!("SEMANTIK_ENGINE_MARK");

/// The variant of the model in `folder` on this machine, lower-case hex. A file that is not there
/// counts as empty.
pub(crate) fn variant_of(folder: &Path) -> String {
    let sets = format!("{ENGINE} {}", Isa::detect());
    let mut hasher = Sha256::new().chain_update(sets);
    for file in SMALL_FILES {
        let content = std::fs::read(folder.join(file)).unwrap_or_default();
        hasher.update((content.len() as u64).to_le_bytes());
        hasher.update(content);
    }
    hex(&hasher.finalize())
}
