//! Which files hold the weights of a model: one, or several that an index names.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use serde::Deserialize;

use crate::InferenceError;
use crate::local::settings::invalid;

/// The weights of most models.
pub(crate) const WEIGHTS: &str = "model.safetensors";
/// What large models have instead.
pub(crate) const SHARDS: &str = "model.safetensors.index.json";

#[derive(Deserialize)]
struct Index {
    weight_map: HashMap<String, String>,
}

/// The names of the weights files in `folder`, in order.
///
/// # Errors
/// When there are neither weights nor an index that names files of the folder.
pub(crate) fn weight_files(folder: &Path) -> Result<Vec<String>, InferenceError> {
    if folder.join(WEIGHTS).is_file() || !folder.join(SHARDS).is_file() {
        return Ok(vec![WEIGHTS.to_owned()]);
    }
    let fail = |why: String| invalid(folder, format!("{SHARDS}: {why}"));
    let text = std::fs::read(folder.join(SHARDS)).map_err(|error| fail(error.to_string()))?;
    let index: Index = serde_json::from_slice(&text).map_err(|error| fail(error.to_string()))?;
    let files: BTreeSet<String> = index.weight_map.into_values().collect();
    if let Some(outside) = files.iter().find(|file| file.contains(['/', '\\']) || file.starts_with('.')) {
        return Err(fail(format!("{outside:?} is no file of the model's folder")));
    }
    if files.is_empty() {
        return Err(fail("it names no file".into()));
    }
    Ok(files.into_iter().collect())
}
