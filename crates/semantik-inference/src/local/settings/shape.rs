//! What `config.json` says: the family of a model and the sizes of its parts.

mod gated;
mod gte;
mod modern;
mod nomic;

use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::InferenceError;
use crate::local::ops::attention::MOST_HEAD_DIM;
use crate::local::settings::{invalid, required};

use gte::GteFile;
use nomic::NomicFile;

pub(crate) use gated::{GatedFamily, GatedShape};
pub(crate) use modern::{ModernShape, Sight};

/// Model families this engine computes, by `model_type`, with examples.
const SUPPORTED: [(&str, &str); 9] = [
    ("bert", "MiniLM, bge, e5, gte, arctic-embed"),
    ("xlm-roberta", "multilingual-e5, bge-m3, bge-reranker"),
    ("roberta", "all-roberta"),
    ("mpnet", "all-mpnet"),
    ("modernbert", "modernbert-embed, gte-modernbert"),
    ("nomic_bert", "nomic-embed-text"),
    ("new", "gte v1.5, gte-multilingual"),
    ("gte", "arctic-embed-m-v2.0"),
    ("qwen3", "Qwen3-Embedding, Qwen3-Reranker"),
];

/// A family and its sizes.
#[derive(Debug, Clone)]
pub(crate) enum Shape {
    Encoder(EncoderShape),
    Modern(ModernShape),
    Gated(GatedShape),
    Decoder(DecoderShape),
}

/// `config.json` of BERT, of RoBERTa, whose positions begin later and whose classifier differs, or
/// of MPNet, which knows distances besides.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct EncoderShape {
    model_type: String,
    pub hidden_size: usize,
    pub intermediate_size: usize,
    /// Rows of the table of positions.
    pub max_position_embeddings: usize,
    pub num_attention_heads: usize,
    pub num_hidden_layers: usize,
    pub vocab_size: usize,
    #[serde(default = "default_layer_epsilon")]
    pub layer_norm_eps: f32,
    #[serde(default = "default_activation")]
    hidden_act: String,
    #[serde(default)]
    position_embedding_type: Option<String>,
    #[serde(default)]
    pad_token_id: Option<usize>,
}

/// `config.json` of Qwen3.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct DecoderShape {
    pub hidden_size: usize,
    pub intermediate_size: usize,
    pub num_hidden_layers: usize,
    pub num_attention_heads: usize,
    pub num_key_value_heads: usize,
    pub head_dim: usize,
    pub max_position_embeddings: usize,
    pub vocab_size: usize,
    #[serde(default = "default_rms_epsilon")]
    pub rms_norm_eps: f32,
    #[serde(default)]
    pub tie_word_embeddings: bool,
    #[serde(default)]
    pub attention_bias: bool,
    #[serde(default)]
    rope_theta: Option<f64>,
    #[serde(default)]
    rope_parameters: Option<Rope>,
    #[serde(default)]
    rope_scaling: Option<Rope>,
    hidden_act: String,
    #[serde(default)]
    use_sliding_window: bool,
}

/// How positions turn; older files have `rope_theta` and `rope_scaling` instead.
#[derive(Debug, Clone, Deserialize)]
struct Rope {
    rope_theta: Option<f64>,
    #[serde(alias = "type")]
    rope_type: Option<String>,
    factor: Option<f64>,
    mixed_b: Option<f64>,
}

impl Rope {
    fn check(&self) -> Result<(), String> {
        match self.rope_type.as_deref() {
            None | Some("default") => Ok(()),
            Some(kind) => Err(format!("rotary positions of type {kind:?} are not supported; supported: \"default\"")),
        }
    }
}

#[derive(Deserialize)]
struct Family {
    model_type: String,
    architectures: Option<Vec<String>>,
}

impl Shape {
    /// Reads `config.json` of `folder`.
    ///
    /// # Errors
    /// When it is missing or describes something this engine does not compute.
    pub fn read(folder: &Path) -> Result<Self, InferenceError> {
        let config: Value = required(folder, "config.json")?;
        let fail = |why: String| invalid(folder, format!("config.json: {why}"));
        let family = Family::deserialize(&config).map_err(|error| fail(error.to_string()))?;
        family.check().map_err(fail)?;
        let shape = match family.model_type.as_str() {
            "modernbert" => read_as(&config, ModernShape::check).map(Self::Modern),
            "nomic_bert" => parse(&config).and_then(NomicFile::shape).map(Self::Gated),
            "new" | "gte" => parse(&config).and_then(GteFile::shape).map(Self::Gated),
            "qwen3" => read_as(&config, DecoderShape::check).map(Self::Decoder),
            _ => read_as(&config, EncoderShape::check).map(Self::Encoder),
        };
        shape.map_err(fail)
    }

    /// Whether models of this `model_type` can be computed.
    pub fn supports(family: &str) -> bool {
        SUPPORTED.iter().any(|(name, _)| *name == family)
    }

    /// Looks at the family that `config.json` of `folder` names, and at nothing else.
    ///
    /// # Errors
    /// When it names one that is not supported.
    pub fn check_family(folder: &Path) -> Result<(), InferenceError> {
        // A file that says nothing is judged when the model is used.
        let Ok(family) = required::<Family>(folder, "config.json") else { return Ok(()) };
        family.check().map_err(|why| invalid(folder, format!("config.json: {why}")))
    }

    /// `model_type` of `folder`.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn family(folder: &Path) -> Result<String, InferenceError> {
        required::<Family>(folder, "config.json").map(|family| family.model_type)
    }

    /// Whether the weights were published for scoring pairs.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn is_classifier(folder: &Path) -> Result<bool, InferenceError> {
        let family: Family = required(folder, "config.json")?;
        Ok(family.architectures.unwrap_or_default().iter().any(|name| name.ends_with("ForSequenceClassification")))
    }

    /// Rows of the table of words.
    pub fn vocabulary(&self) -> usize {
        match self {
            Self::Encoder(shape) => shape.vocab_size,
            Self::Modern(shape) => shape.vocab_size,
            Self::Gated(shape) => shape.vocab_size,
            Self::Decoder(shape) => shape.vocab_size,
        }
    }

    /// Numbers of the widest product of a layer, for each token.
    pub fn widest(&self) -> usize {
        match self {
            Self::Encoder(shape) => shape.intermediate_size.max(3 * shape.hidden_size),
            Self::Modern(shape) => (2 * shape.intermediate_size).max(3 * shape.hidden_size),
            Self::Gated(shape) => (2 * shape.inner).max(3 * shape.hidden_size),
            Self::Decoder(shape) => {
                let heads = shape.num_attention_heads + 2 * shape.num_key_value_heads;
                (2 * shape.intermediate_size).max(heads * shape.head_dim)
            }
        }
    }

    /// Numbers of a state.
    pub fn hidden(&self) -> usize {
        match self {
            Self::Encoder(shape) => shape.hidden_size,
            Self::Modern(shape) => shape.hidden_size,
            Self::Gated(shape) => shape.hidden_size,
            Self::Decoder(shape) => shape.hidden_size,
        }
    }

    /// The longest text, in tokens.
    pub fn positions(&self) -> usize {
        match self {
            Self::Encoder(shape) => shape.max_position_embeddings.saturating_sub(shape.first_position()),
            Self::Modern(shape) => shape.max_position_embeddings,
            Self::Gated(shape) => shape.max_position_embeddings,
            Self::Decoder(shape) => shape.max_position_embeddings,
        }
    }

    /// Layers between the embeddings and the head.
    pub fn layers(&self) -> usize {
        match self {
            Self::Encoder(shape) => shape.num_hidden_layers,
            Self::Modern(shape) => shape.num_hidden_layers,
            Self::Gated(shape) => shape.num_hidden_layers,
            Self::Decoder(shape) => shape.num_hidden_layers,
        }
    }
}

impl Family {
    fn check(&self) -> Result<(), String> {
        if Shape::supports(&self.model_type) {
            return Ok(());
        }
        let known = SUPPORTED.map(|(name, examples)| format!("{name} ({examples})")).join(", ");
        Err(format!("model_type {:?} is not supported; supported: {known}", self.model_type))
    }
}

fn parse<T: DeserializeOwned>(config: &Value) -> Result<T, String> {
    T::deserialize(config).map_err(|error| error.to_string())
}

fn read_as<T: DeserializeOwned>(config: &Value, check: fn(&T) -> Result<(), String>) -> Result<T, String> {
    let shape = parse(config)?;
    check(&shape).map(|()| shape)
}

impl EncoderShape {
    /// Whether attention is biased by distance.
    pub fn is_mpnet(&self) -> bool {
        self.model_type == "mpnet"
    }

    /// Whether positions and classifier are those of RoBERTa, not of BERT.
    pub fn is_roberta(&self) -> bool {
        self.model_type != "bert"
    }

    /// The position of a text's first token.
    pub fn first_position(&self) -> usize {
        if self.is_roberta() { self.pad_token_id.unwrap_or(1) + 1 } else { 0 }
    }

    fn check(&self) -> Result<(), String> {
        check_activation(&self.hidden_act, "gelu")?;
        if self.position_embedding_type.as_deref().is_some_and(|kind| kind != "absolute") {
            return Err("only absolute position embeddings are supported".into());
        }
        check_sizes(&[self.intermediate_size, self.num_hidden_layers, self.vocab_size])?;
        check_heads(self.hidden_size, self.num_attention_heads)
    }
}

impl DecoderShape {
    /// What the angles of the positions are made from.
    pub fn rope_base(&self) -> f64 {
        self.rope_parameters.as_ref().and_then(|rope| rope.rope_theta).or(self.rope_theta).unwrap_or(10_000.0)
    }

    fn check(&self) -> Result<(), String> {
        check_activation(&self.hidden_act, "silu")?;
        [&self.rope_parameters, &self.rope_scaling].into_iter().flatten().try_for_each(Rope::check)?;
        if self.use_sliding_window {
            return Err("a sliding window is not supported".into());
        }
        check_sizes(&[
            self.hidden_size,
            self.intermediate_size,
            self.num_attention_heads,
            self.num_key_value_heads,
            self.num_hidden_layers,
            self.vocab_size,
        ])?;
        if !self.num_attention_heads.is_multiple_of(self.num_key_value_heads) {
            return Err("num_attention_heads is not a multiple of num_key_value_heads".into());
        }
        check_head(self.head_dim)
    }
}

fn check_activation(found: &str, supported: &str) -> Result<(), String> {
    if found == supported {
        return Ok(());
    }
    Err(format!("hidden_act {found:?} is not supported; supported: {supported:?}"))
}

fn check_sizes(sizes: &[usize]) -> Result<(), String> {
    if sizes.contains(&0) { Err("a size is zero".into()) } else { Ok(()) }
}

/// Heads that share a state among them.
fn check_heads(hidden: usize, heads: usize) -> Result<(), String> {
    check_sizes(&[hidden, heads])?;
    if !hidden.is_multiple_of(heads) {
        return Err("hidden_size is not a multiple of num_attention_heads".into());
    }
    check_head(hidden / heads)
}

fn check_head(head: usize) -> Result<(), String> {
    if head > 0 && head.is_multiple_of(8) && head <= MOST_HEAD_DIM {
        return Ok(());
    }
    Err(format!("heads of {head} numbers are not supported; supported: multiples of 8 up to {MOST_HEAD_DIM}"))
}

fn default_layer_epsilon() -> f32 {
    1e-12
}

fn default_rms_epsilon() -> f32 {
    1e-6
}

fn default_activation() -> String {
    "gelu".into()
}
