//! What decides the bits of a result beside the weights: the small files, what is written before a
//! text, the instructions, and the source of this engine.
//!
//! Two processes with the same weights, precision and variant compute the same bits. So nobody has
//! to remember to raise a number when a kernel changes.

use std::path::Path;

use sha2::{Digest, Sha256};

use crate::local::isa::Isa;
use crate::local::ops::pooling::Pooling;
use crate::local::settings::SMALL_FILES;
use crate::models::{Prefixes, hex};

/// Set by the build script.
const ENGINE: &str = env!("SEMANTIK_ENGINE_MARK");

/// The variant of the model in `folder` on this machine, lower-case hex. A file that is not there
/// counts as empty. Prefixes and pooling may come from elsewhere: from the owner, or from what is
/// known of the model by its name.
pub(crate) fn variant_of(folder: &Path, prefixes: &Prefixes, pooling: Pooling) -> String {
    let sets = format!("{ENGINE} {} {pooling:?}", Isa::detect());
    let mut hasher = Sha256::new().chain_update(sets);
    let mut add = |content: &[u8]| {
        hasher.update((content.len() as u64).to_le_bytes());
        hasher.update(content);
    };
    add(prefixes.query.as_bytes());
    add(prefixes.passage.as_bytes());
    for file in SMALL_FILES {
        add(&std::fs::read(folder.join(file)).unwrap_or_default());
    }
    hex(&hasher.finalize())
}
