//! What the small files of a model folder say: shape, pooling, lengths, prompts.
//!
//! Reads nothing heavy, so the answer is cheap enough to give before any weight is loaded.

mod shape;

use std::collections::HashMap;
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::local::ops::pooling::Pooling;
use crate::local::shards::weight_files;
use crate::local::variant::variant_of;
use crate::{InferenceError, Purpose};

pub(crate) use shape::{DecoderShape, EncoderShape, Shape};

/// The files that are read here and by the tokenizer.
pub(crate) const SMALL_FILES: [&str; 5] = [
    "config.json",
    "tokenizer.json",
    "1_Pooling/config.json",
    "sentence_bert_config.json",
    "config_sentence_transformers.json",
];

/// How states become a vector. Newer files have one name, older ones a flag for each.
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

#[derive(Debug, Default, Deserialize)]
struct LengthFile {
    max_seq_length: Option<usize>,
}

#[derive(Debug, Default, Deserialize)]
struct SentenceFile {
    #[serde(default)]
    prompts: HashMap<String, String>,
    truncate_dim: Option<usize>,
}

/// Everything known of a model without its weights.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub shape: Shape,
    pub pooling: Pooling,
    pub max_tokens: usize,
    /// Numbers of a vector: the first ones of a state, all unless the model is cut shorter.
    pub dimensions: usize,
    /// What else decides the bits of a result; see [`variant_of`].
    pub variant: String,
    query_prompt: String,
    passage_prompt: String,
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
        let pooling = match (optional::<PoolingFile>(folder, "1_Pooling/config.json")?, &shape) {
            (Some(file), _) => {
                pooling_of(&file).map_err(|why| invalid(folder, format!("1_Pooling/config.json: {why}")))?
            }
            (None, Shape::Encoder(_)) => Pooling::Mean,
            (None, Shape::Decoder(_)) => Pooling::Last,
        };
        let length = optional::<LengthFile>(folder, "sentence_bert_config.json")?.unwrap_or_default();
        let max_tokens = length.max_seq_length.unwrap_or(usize::MAX).min(shape.positions());
        if max_tokens < 8 {
            return Err(invalid(folder, format!("a limit of {max_tokens} tokens leaves no room for text")));
        }
        let sentence = optional::<SentenceFile>(folder, "config_sentence_transformers.json")?.unwrap_or_default();
        let prompt =
            |names: &[&str]| names.iter().find_map(|name| sentence.prompts.get(*name)).cloned().unwrap_or_default();
        let (query_prompt, passage_prompt) = (prompt(&["query"]), prompt(&["passage", "document"]));
        let dimensions = shape.hidden();
        let variant = variant_of(folder);
        let settings = Self { shape, pooling, max_tokens, dimensions, variant, query_prompt, passage_prompt };
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

    /// What the model wants written before a text.
    pub fn prompt(&self, purpose: Purpose) -> &str {
        match purpose {
            Purpose::Query => &self.query_prompt,
            Purpose::Passage => &self.passage_prompt,
        }
    }
}

/// The error of a folder that cannot be used.
pub(crate) fn invalid(folder: &Path, why: impl Into<String>) -> InferenceError {
    InferenceError::Invalid { folder: folder.display().to_string(), why: why.into() }
}

fn pooling_of(file: &PoolingFile) -> Result<Pooling, String> {
    let flags = [
        (file.pooling_mode_mean_tokens, "mean"),
        (file.pooling_mode_cls_token, "cls"),
        (file.pooling_mode_lasttoken, "lasttoken"),
        (file.pooling_mode_max_tokens, "max"),
        (file.pooling_mode_mean_sqrt_len_tokens, "mean_sqrt_len_tokens"),
        (file.pooling_mode_weightedmean_tokens, "weightedmean"),
    ];
    let named = file.pooling_mode.as_deref();
    let mut modes = named.into_iter().chain(flags.into_iter().filter(|(set, _)| *set).map(|(_, name)| name));
    match (modes.next(), modes.next()) {
        (Some("mean"), None) => Ok(Pooling::Mean),
        (Some("cls"), None) => Ok(Pooling::Cls),
        (Some("lasttoken"), None) => Ok(Pooling::Last),
        _ => Err("exactly one of mean, cls and last-token pooling is supported".into()),
    }
}

fn required<T: DeserializeOwned>(folder: &Path, file: &str) -> Result<T, InferenceError> {
    let text =
        std::fs::read_to_string(folder.join(file)).map_err(|error| invalid(folder, format!("{file}: {error}")))?;
    serde_json::from_str(&text).map_err(|error| invalid(folder, format!("{file}: {error}")))
}

fn optional<T: DeserializeOwned>(folder: &Path, file: &str) -> Result<Option<T>, InferenceError> {
    if folder.join(file).is_file() { required(folder, file).map(Some) } else { Ok(None) }
}
