//! What the small files of a model folder say, for people.

use std::path::Path;

use serde::Serialize;

use crate::InferenceError;
use crate::local::settings::{PoolingSource, PrefixSource, Settings, Shape};
use crate::models::{ModelKind, Prefixes, find};

/// What a model is, how it is used, and how that is known.
#[derive(Debug, Clone, Serialize)]
pub struct ModelFacts {
    pub kind: ModelKind,
    /// `model_type` of its `config.json`.
    pub family: String,
    pub layers: usize,
    /// Numbers of a vector; 1 of a reranker.
    pub dimensions: usize,
    /// The longest text, in its own tokens.
    pub max_tokens: usize,
    /// Words and parts of words that it knows.
    pub vocabulary: usize,
    /// `mean`, `cls` or `lasttoken`; `None` of a reranker.
    pub pooling: Option<&'static str>,
    pub pooling_source: PoolingSource,
    pub prefixes: Prefixes,
    pub prefix_source: PrefixSource,
}

/// Reads the small files of `folder`.
///
/// # Errors
/// [`InferenceError::Invalid`] that says what is wrong with the folder.
pub fn facts(folder: &Path) -> Result<ModelFacts, InferenceError> {
    let settings = Settings::read(folder)?;
    let reranks = reranks(folder, &settings.names)?;
    Ok(ModelFacts {
        kind: if reranks { ModelKind::Reranker } else { ModelKind::Embedding },
        family: Shape::family(folder)?,
        layers: settings.shape.layers(),
        dimensions: if reranks { 1 } else { settings.dimensions },
        max_tokens: settings.max_tokens,
        vocabulary: settings.shape.vocabulary(),
        pooling: (!reranks).then_some(settings.pooling.name()),
        pooling_source: settings.pooling_source,
        prefixes: settings.prefixes,
        prefix_source: settings.prefix_source,
    })
}

/// Decoders that judge pairs are published as any other decoder; only their names tell.
pub(crate) fn reranks(folder: &Path, names: &[String]) -> Result<bool, InferenceError> {
    match names.iter().find_map(|name| find(name)) {
        Some(entry) => Ok(entry.kind == ModelKind::Reranker),
        None => Ok(Shape::is_classifier(folder)? || names.iter().any(|name| name.to_lowercase().contains("reranker"))),
    }
}
