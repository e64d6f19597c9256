//! How a model's states become its vector, and who says so.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Shape, invalid, optional};
use crate::InferenceError;
use crate::local::ops::pooling::Pooling;
use crate::models::find;

/// Who says how states become a vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PoolingSource {
    /// The model's own folder.
    Folder,
    /// The catalogue, since the folder does not say.
    Catalogue,
    /// Nobody: what most models of the family do.
    Assumed,
}

/// Newer files have one name, older ones a flag for each.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct PoolingFile {
    pooling_mode: Option<String>,
    pooling_mode_cls_token: bool,
    pooling_mode_mean_tokens: bool,
    pooling_mode_max_tokens: bool,
    pooling_mode_mean_sqrt_len_tokens: bool,
    pooling_mode_weightedmean_tokens: bool,
    pooling_mode_lasttoken: bool,
}

/// A step of a sentence model.
#[derive(Debug, Deserialize)]
struct Module {
    path: String,
    #[serde(rename = "type")]
    kind: String,
}

/// Reads what `folder` says of pooling; `names` are what the model is known by.
///
/// # Errors
/// When the folder asks for something that is not supported, or for a file that it lacks.
pub(super) fn read(folder: &Path, shape: &Shape, names: &[String]) -> Result<(Pooling, PoolingSource), InferenceError> {
    check_modules(folder)?;
    if let Some(file) = optional::<PoolingFile>(folder, "1_Pooling/config.json")? {
        let pooling = file.pooling().map_err(|why| invalid(folder, format!("1_Pooling/config.json: {why}")))?;
        return Ok((pooling, PoolingSource::Folder));
    }
    let known = names.iter().find_map(|name| named(find(name)?.pooling));
    Ok(match (known, shape) {
        (Some(pooling), _) => (pooling, PoolingSource::Catalogue),
        (None, Shape::Gated(shape)) if !shape.is_nomic() => (Pooling::Cls, PoolingSource::Assumed),
        (None, Shape::Encoder(_) | Shape::Modern(_) | Shape::Gated(_)) => (Pooling::Mean, PoolingSource::Assumed),
        (None, Shape::Decoder(_)) => (Pooling::Last, PoolingSource::Assumed),
    })
}

/// Steps that are not computed would be missed in the vectors only.
fn check_modules(folder: &Path) -> Result<(), InferenceError> {
    for module in optional::<Vec<Module>>(folder, "modules.json")?.unwrap_or_default() {
        let kind = module.kind.rsplit('.').next().unwrap_or_default();
        match kind {
            "Transformer" | "Normalize" => {}
            "Pooling" => {
                let file = format!("{}/config.json", module.path);
                if !folder.join(&file).is_file() {
                    let why =
                        format!("{file} is missing, which modules.json names; copy it from where the model is from");
                    return Err(invalid(folder, why));
                }
            }
            other => {
                let why = format!(
                    "modules.json: a step of type {other:?} is not supported; supported: Transformer, Pooling, Normalize"
                );
                return Err(invalid(folder, why));
            }
        }
    }
    Ok(())
}

fn named(name: &str) -> Option<Pooling> {
    match name {
        "mean" => Some(Pooling::Mean),
        "cls" => Some(Pooling::Cls),
        "lasttoken" => Some(Pooling::Last),
        _ => None,
    }
}

impl PoolingFile {
    fn pooling(&self) -> Result<Pooling, String> {
        let flags = [
            (self.pooling_mode_mean_tokens, "mean"),
            (self.pooling_mode_cls_token, "cls"),
            (self.pooling_mode_lasttoken, "lasttoken"),
            (self.pooling_mode_max_tokens, "max"),
            (self.pooling_mode_mean_sqrt_len_tokens, "mean_sqrt_len_tokens"),
            (self.pooling_mode_weightedmean_tokens, "weightedmean"),
        ];
        let one = self.pooling_mode.as_deref();
        let mut modes = one.into_iter().chain(flags.into_iter().filter(|(set, _)| *set).map(|(_, name)| name));
        match (modes.next().map(named), modes.next()) {
            (Some(Some(pooling)), None) => Ok(pooling),
            _ => Err("exactly one of mean, cls and last-token pooling is supported".into()),
        }
    }
}
