//! What the small files of a model folder say: shape, pooling, lengths, prompts.
//!
//! Reads nothing heavy, so the answer is cheap enough to give before any weight is loaded.

use std::collections::HashMap;
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::local::ops::attention::MOST_HEAD_DIM;
use crate::local::ops::pooling::Pooling;
use crate::{InferenceError, Purpose};

/// Model families this engine computes.
const SUPPORTED: &str = "bert (MiniLM, bge, e5, gte, arctic-embed and the like)";

/// `config.json` of a BERT-family model.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Shape {
    pub model_type: String,
    pub hidden_size: usize,
    pub intermediate_size: usize,
    pub max_position_embeddings: usize,
    pub num_attention_heads: usize,
    pub num_hidden_layers: usize,
    pub vocab_size: usize,
    #[serde(default = "default_norm_epsilon")]
    pub layer_norm_eps: f32,
    #[serde(default = "default_activation")]
    hidden_act: String,
    #[serde(default)]
    position_embedding_type: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct PoolingFile {
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
struct PromptFile {
    #[serde(default)]
    prompts: HashMap<String, String>,
}

/// Everything known of a model without its weights.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub shape: Shape,
    pub pooling: Pooling,
    pub max_tokens: usize,
    query_prompt: String,
    passage_prompt: String,
}

impl Settings {
    /// Reads the small files of `folder`.
    ///
    /// # Errors
    /// [`InferenceError::Invalid`] that names the file and what is wrong with it.
    pub fn read(folder: &Path) -> Result<Self, InferenceError> {
        for file in ["config.json", "tokenizer.json", "model.safetensors"] {
            if !folder.join(file).is_file() {
                return Err(invalid(folder, format!("{file} is missing")));
            }
        }
        let shape: Shape = required(folder, "config.json")?;
        check_shape(&shape).map_err(|why| invalid(folder, format!("config.json: {why}")))?;
        let pooling = match optional::<PoolingFile>(folder, "1_Pooling/config.json")? {
            Some(file) => pooling_of(&file).map_err(|why| invalid(folder, format!("1_Pooling/config.json: {why}")))?,
            None => Pooling::Mean,
        };
        let length = optional::<LengthFile>(folder, "sentence_bert_config.json")?.unwrap_or_default();
        let max_tokens =
            length.max_seq_length.unwrap_or(shape.max_position_embeddings).min(shape.max_position_embeddings);
        if max_tokens < 8 {
            return Err(invalid(folder, format!("a limit of {max_tokens} tokens leaves no room for text")));
        }
        let prompts = optional::<PromptFile>(folder, "config_sentence_transformers.json")?.unwrap_or_default().prompts;
        let prompt = |names: &[&str]| names.iter().find_map(|name| prompts.get(*name)).cloned().unwrap_or_default();
        let (query_prompt, passage_prompt) = (prompt(&["query"]), prompt(&["passage", "document"]));
        Ok(Self { shape, pooling, max_tokens, query_prompt, passage_prompt })
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

fn check_shape(shape: &Shape) -> Result<(), String> {
    if shape.model_type != "bert" {
        return Err(format!("model_type {:?} is not supported; supported: {SUPPORTED}", shape.model_type));
    }
    if shape.hidden_act != "gelu" {
        return Err(format!("hidden_act {:?} is not supported; supported: \"gelu\"", shape.hidden_act));
    }
    if shape.position_embedding_type.as_deref().is_some_and(|kind| kind != "absolute") {
        return Err("only absolute position embeddings are supported".into());
    }
    let sizes = [
        shape.hidden_size,
        shape.intermediate_size,
        shape.num_attention_heads,
        shape.num_hidden_layers,
        shape.vocab_size,
    ];
    if sizes.contains(&0) {
        return Err("a size is zero".into());
    }
    if !shape.hidden_size.is_multiple_of(shape.num_attention_heads) {
        return Err("hidden_size is not a multiple of num_attention_heads".into());
    }
    let head = shape.hidden_size / shape.num_attention_heads;
    if !head.is_multiple_of(8) || head > MOST_HEAD_DIM {
        return Err(format!(
            "heads of {head} numbers are not supported; supported: multiples of 8 up to {MOST_HEAD_DIM}"
        ));
    }
    Ok(())
}

fn pooling_of(file: &PoolingFile) -> Result<Pooling, String> {
    let others = file.pooling_mode_max_tokens
        || file.pooling_mode_mean_sqrt_len_tokens
        || file.pooling_mode_weightedmean_tokens
        || file.pooling_mode_lasttoken;
    match (file.pooling_mode_mean_tokens, file.pooling_mode_cls_token, others) {
        (true, false, false) => Ok(Pooling::Mean),
        (false, true, false) => Ok(Pooling::Cls),
        (false | true, false | true, false | true) => Err("exactly one of mean and cls pooling is supported".into()),
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

fn default_norm_epsilon() -> f32 {
    1e-12
}

fn default_activation() -> String {
    "gelu".into()
}
