//! What the small files of a model folder say: shape, pooling, lengths, prompts.
//!
//! Reads nothing heavy, so the answer is cheap enough to give before any weight is loaded.

mod pooling;
mod prompts;
mod shape;

use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::local::ops::pooling::Pooling;
use crate::local::shards::weight_files;
use crate::local::variant::variant_of;
use crate::models::{Prefixes, recipe};
use crate::{InferenceError, Purpose};

pub use pooling::PoolingSource;
pub use prompts::PrefixSource;
pub(crate) use shape::{DecoderShape, EncoderShape, GatedFamily, GatedShape, ModernShape, Shape, Sight};

/// The files that are read here and by the tokenizer.
pub(crate) const SMALL_FILES: [&str; 5] = [
    "config.json",
    "tokenizer.json",
    "1_Pooling/config.json",
    "sentence_bert_config.json",
    "config_sentence_transformers.json",
];

#[derive(Debug, Default, Deserialize)]
struct LengthFile {
    max_seq_length: Option<usize>,
}

/// Everything known of a model without its weights.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub shape: Shape,
    pub pooling: Pooling,
    pub pooling_source: PoolingSource,
    pub max_tokens: usize,
    /// Numbers of a vector: the first ones of a state, all unless the model is cut shorter.
    pub dimensions: usize,
    pub prefixes: Prefixes,
    pub prefix_source: PrefixSource,
    /// What the model is known by, best first.
    pub names: Vec<String>,
    /// What else decides the bits of a result; see [`variant_of`].
    pub variant: String,
}

impl Settings {
    /// Reads the small files of `folder`.
    ///
    /// # Errors
    /// [`InferenceError::Invalid`] that names the file and what is wrong with it.
    pub fn read(folder: &Path) -> Result<Self, InferenceError> {
        let needed = ["config.json", "tokenizer.json"].map(str::to_owned);
        for file in needed.into_iter().chain(weight_files(folder)?) {
            if !folder.join(&file).is_file() {
                return Err(invalid(folder, format!("{file} is missing")));
            }
        }
        let shape = Shape::read(folder)?;
        let known = prompts::Known::read(folder)?;
        let (pooling, pooling_source) = pooling::read(folder, &shape, &known.names)?;
        let length = optional::<LengthFile>(folder, "sentence_bert_config.json")?.unwrap_or_default();
        let max_tokens = length.max_seq_length.unwrap_or(usize::MAX).min(shape.positions());
        if max_tokens < 8 {
            return Err(invalid(folder, format!("a limit of {max_tokens} tokens leaves no room for text")));
        }
        let sentence =
            optional::<prompts::SentenceFile>(folder, "config_sentence_transformers.json")?.unwrap_or_default();
        let names = known.names.clone();
        let (prefixes, prefix_source) = known.prefixes(&sentence);
        let dimensions = shape.hidden();
        let variant = variant_of(folder, &prefixes, pooling);
        let settings =
            Self { shape, pooling, pooling_source, max_tokens, dimensions, prefixes, prefix_source, names, variant };
        match sentence.truncate_dim {
            Some(dimensions) => settings.shortened(folder, dimensions),
            None => Ok(settings),
        }
    }

    /// The same with vectors cut to their first `dimensions` numbers.
    ///
    /// # Errors
    /// When the model does not have so many.
    pub fn shortened(self, folder: &Path, dimensions: usize) -> Result<Self, InferenceError> {
        let most = self.shape.hidden();
        if !(1..=most).contains(&dimensions) {
            return Err(invalid(folder, format!("vectors of {dimensions} numbers were asked for; it has 1 to {most}")));
        }
        Ok(Self { dimensions, ..self })
    }

    /// How a passage becomes a vector, beside weights and precision.
    pub fn recipe(&self) -> String {
        format!("{} {}", self.pooling.name(), recipe(&self.prefixes))
    }

    /// What the model wants written before a text.
    pub fn prompt(&self, purpose: Purpose) -> &str {
        match purpose {
            Purpose::Query => &self.prefixes.query,
            Purpose::Passage => &self.prefixes.passage,
        }
    }
}

/// The error of a folder that cannot be used.
pub(crate) fn invalid(folder: &Path, why: impl Into<String>) -> InferenceError {
    InferenceError::Invalid { folder: folder.display().to_string(), why: why.into() }
}

fn required<T: DeserializeOwned>(folder: &Path, file: &str) -> Result<T, InferenceError> {
    let text =
        std::fs::read_to_string(folder.join(file)).map_err(|error| invalid(folder, format!("{file}: {error}")))?;
    serde_json::from_str(&text).map_err(|error| invalid(folder, format!("{file}: {error}")))
}

fn optional<T: DeserializeOwned>(folder: &Path, file: &str) -> Result<Option<T>, InferenceError> {
    if folder.join(file).is_file() { required(folder, file).map(Some) } else { Ok(None) }
}
