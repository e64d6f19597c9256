//! What is written before a text, and who says so: the owner, else the model's folder, else the rule
//! for models of its name.

use std::collections::HashMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::optional;
use crate::InferenceError;
use crate::models::{MANIFEST, Manifest, Prefixes, rule_for};

/// Who says what is written before a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PrefixSource {
    /// The owner, with `semantik models prefixes`.
    Owner,
    /// The model's own folder.
    Folder,
    /// The rule for models of its name.
    Rule(&'static str),
    /// Nobody; nothing is written.
    None,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct SentenceFile {
    /// A prompt may be `null`.
    #[serde(default)]
    prompts: HashMap<String, Option<String>>,
    pub truncate_dim: Option<usize>,
}

#[derive(Debug, Default, Deserialize)]
struct Origin {
    #[serde(rename = "_name_or_path")]
    name: Option<String>,
}

/// What is known of a model by its files beside the weights.
pub(super) struct Known {
    /// The name it was obtained as, then the one that its configuration gives.
    pub names: Vec<String>,
    overridden: Option<Prefixes>,
}

impl Known {
    pub fn read(folder: &Path) -> Result<Self, InferenceError> {
        let manifest = optional::<Manifest>(folder, MANIFEST)?;
        let origin = optional::<Origin>(folder, "config.json")?.and_then(|origin| origin.name);
        let (name, overridden) = manifest.map_or((None, None), |manifest| (Some(manifest.name), manifest.prefixes));
        Ok(Self { names: name.into_iter().chain(origin).filter(|name| !name.is_empty()).collect(), overridden })
    }

    pub fn prefixes(self, file: &SentenceFile) -> (Prefixes, PrefixSource) {
        if let Some(prefixes) = self.overridden {
            return (prefixes, PrefixSource::Owner);
        }
        let prompt =
            |names: &[&str]| names.iter().find_map(|name| file.prompts.get(*name)?.clone()).unwrap_or_default();
        let own = Prefixes { query: prompt(&["query"]), passage: prompt(&["passage", "document"]) };
        // Newer libraries write empty prompts for every model.
        if own != Prefixes::default() {
            return (own, PrefixSource::Folder);
        }
        match self.names.iter().find_map(|name| rule_for(name)) {
            Some(rule) => (rule.into(), PrefixSource::Rule(rule.name)),
            None => (own, PrefixSource::None),
        }
    }
}
