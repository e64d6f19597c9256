//! A BERT encoder over units of texts, without padding.
//!
//! The texts of a unit are laid end to end: linear layers see one tall matrix, attention sees each
//! text by itself. A vector is bit for bit the same whatever else is in its unit.

use std::path::Path;

use crate::InferenceError;
use crate::local::linear::{self, Activation, Finish, Linear, Output, Precision, Rows};
use crate::local::ops::attention::{self, Heads, Shape};
use crate::local::ops::norm::{Kind, Norm};
use crate::local::ops::pooling::normalise;
use crate::local::ops::{self};
use crate::local::settings::{Settings, invalid};
use crate::local::weights::{Table, Weights};

/// The weights of a model, ready to use; shared by all workers.
pub(crate) struct Encoder {
    settings: Settings,
    words: Table,
    /// Position and segment 0 added up, one row per position.
    places: Vec<f32>,
    norm: NormWeights,
    layers: Vec<Layer>,
    precision: Precision,
    isa: ops::Isa,
    linear_isa: linear::Isa,
}

/// Buffers of one worker, reused from unit to unit.
pub(crate) struct Scratch {
    rows: Rows,
    attention: attention::Scratch,
    states: Vec<f32>,
    next: Vec<f32>,
    wide: Vec<f32>,
    offsets: Vec<usize>,
}

struct NormWeights {
    scale: Vec<f32>,
    shift: Vec<f32>,
    epsilon: f32,
}

struct Layer {
    query_key_value: Linear,
    attention: Linear,
    attention_norm: NormWeights,
    up: Linear,
    down: Linear,
    norm: NormWeights,
}

impl Encoder {
    /// Loads the weights of `folder` and packs them for this machine.
    ///
    /// # Errors
    /// When a tensor is missing or does not fit `settings`.
    pub fn load(folder: &Path, settings: Settings, precision: Precision) -> Result<Self, InferenceError> {
        let weights = Weights::open(folder)?;
        let shape = &settings.shape;
        let hidden = shape.hidden_size;
        let mut places =
            weights.tensor("embeddings.position_embeddings.weight", &[shape.max_position_embeddings, hidden])?;
        let segment = first_segment(&weights, hidden)?;
        for row in places.chunks_exact_mut(hidden) {
            row.iter_mut().zip(&segment).for_each(|(place, segment)| *place += segment);
        }
        if places.iter().any(|value| !value.is_finite()) {
            return Err(invalid(folder, "model.safetensors: a weight is not a finite number"));
        }
        let load = Loader { weights: &weights, settings: &settings, precision, isa: linear::Isa::detect() };
        let layers = (0..shape.num_hidden_layers).map(|index| load.layer(index)).collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            words: weights.table("embeddings.word_embeddings.weight", shape.vocab_size, hidden)?,
            places,
            norm: load.norm("embeddings.LayerNorm")?,
            layers,
            precision,
            isa: ops::Isa::detect(),
            linear_isa: load.isa,
            settings,
        })
    }

    /// Empty buffers for a worker.
    pub fn scratch(&self) -> Scratch {
        Scratch {
            rows: Rows::new(self.linear_isa),
            attention: attention::Scratch::default(),
            states: Vec::new(),
            next: Vec::new(),
            wide: Vec::new(),
            offsets: Vec::new(),
        }
    }

    /// One unit vector per text, in order.
    ///
    /// # Panics
    /// When an id is outside the vocabulary or a text longer than the model takes; the tokenizer
    /// sees to both.
    pub fn encode(&self, texts: &[Vec<u32>], scratch: &mut Scratch) -> Vec<Vec<f32>> {
        let hidden = self.settings.shape.hidden_size;
        scratch.offsets.clear();
        scratch.offsets.push(0);
        let mut tokens = 0;
        scratch.offsets.extend(texts.iter().map(|text| {
            tokens += text.len();
            tokens
        }));
        self.embed(texts, &mut scratch.states);
        for layer in &self.layers {
            self.run(layer, tokens, scratch);
        }
        let mut vectors = vec![0.0; texts.len() * hidden];
        self.settings.pooling.apply(self.isa, &scratch.states, hidden, &scratch.offsets, &mut vectors);
        normalise(self.isa, &mut vectors, hidden);
        vectors.chunks_exact(hidden).map(<[f32]>::to_vec).collect()
    }

    fn embed(&self, texts: &[Vec<u32>], states: &mut Vec<f32>) {
        let hidden = self.settings.shape.hidden_size;
        states.clear();
        for text in texts {
            let start = states.len();
            states.extend_from_slice(&self.places[..text.len() * hidden]);
            for (id, row) in text.iter().zip(states[start..].chunks_exact_mut(hidden)) {
                self.words.add_row(*id as usize, row);
            }
        }
        self.norm.view().after(self.isa, states, &[]);
    }

    fn run(&self, layer: &Layer, tokens: usize, scratch: &mut Scratch) {
        let Scratch { rows, attention, states, next, wide, offsets } = scratch;
        let shape = &self.settings.shape;
        let heads = shape.num_attention_heads;
        let hidden = shape.hidden_size;
        let product = |rows: &mut Rows, layer: &Linear, input: &[f32], activation, output: &mut Vec<f32>| {
            let outputs = layer.outputs();
            output.resize(tokens * outputs, 0.0);
            let input = rows.prepare(self.precision, &input[..tokens * layer.inputs()], tokens, layer.inputs());
            let view = Output::new(output, tokens, outputs, outputs);
            layer.forward(&input, 0..outputs, Finish::Store(activation), view);
        };
        product(rows, &layer.query_key_value, states, Activation::None, wide);
        let attend =
            Shape { heads, kv_heads: heads, head_dim: hidden / heads, causal: false, window: None, bias: None };
        next.resize(tokens * hidden, 0.0);
        attention::attend(self.isa, &attend, wide, offsets, attention, Heads::whole(&attend, next));
        product(rows, &layer.attention, next, Activation::None, wide);
        layer.attention_norm.view().after(self.isa, states, wide);
        product(rows, &layer.up, states, Activation::Gelu, wide);
        product(rows, &layer.down, wide, Activation::None, next);
        layer.norm.view().after(self.isa, states, next);
    }
}

/// What loading a layer needs.
struct Loader<'a> {
    weights: &'a Weights,
    settings: &'a Settings,
    precision: Precision,
    isa: linear::Isa,
}

impl Loader<'_> {
    fn layer(&self, index: usize) -> Result<Layer, InferenceError> {
        let (hidden, inner) = (self.settings.shape.hidden_size, self.settings.shape.intermediate_size);
        let name = |part: &str| format!("encoder.layer.{index}.{part}");
        Ok(Layer {
            query_key_value: self.query_key_value(&name("attention.self"))?,
            attention: self.linear(&name("attention.output.dense"), hidden, hidden)?,
            attention_norm: self.norm(&name("attention.output.LayerNorm"))?,
            up: self.linear(&name("intermediate.dense"), inner, hidden)?,
            down: self.linear(&name("output.dense"), hidden, inner)?,
            norm: self.norm(&name("output.LayerNorm"))?,
        })
    }

    fn linear(&self, name: &str, outputs: usize, inputs: usize) -> Result<Linear, InferenceError> {
        let weight = self.weights.tensor(&format!("{name}.weight"), &[outputs, inputs])?;
        let bias = self.weights.tensor(&format!("{name}.bias"), &[outputs])?;
        Ok(Linear::pack(&weight, Some(&bias), outputs, inputs, self.precision, self.isa))
    }

    /// Queries, keys and values as one layer. Queries carry the scale of the softmax and the base-2
    /// exponent that attention counts in.
    fn query_key_value(&self, name: &str) -> Result<Linear, InferenceError> {
        let shape = &self.settings.shape;
        let hidden = shape.hidden_size;
        let scale = std::f64::consts::LOG2_E / ((hidden / shape.num_attention_heads) as f64).sqrt();
        let (mut weight, mut bias) = (Vec::with_capacity(3 * hidden * hidden), Vec::with_capacity(3 * hidden));
        for (part, factor) in [("query", scale), ("key", 1.0), ("value", 1.0)] {
            let scaled = |value: f32| (f64::from(value) * factor) as f32;
            let rows = self.weights.tensor(&format!("{name}.{part}.weight"), &[hidden, hidden])?;
            weight.extend(rows.into_iter().map(scaled));
            bias.extend(self.weights.tensor(&format!("{name}.{part}.bias"), &[hidden])?.into_iter().map(scaled));
        }
        Ok(Linear::pack(&weight, Some(&bias), 3 * hidden, hidden, self.precision, self.isa))
    }

    fn norm(&self, name: &str) -> Result<NormWeights, InferenceError> {
        let width = self.settings.shape.hidden_size;
        let part = |new: &str, old: &str| {
            self.weights
                .tensor(&format!("{name}.{new}"), &[width])
                .or_else(|error| self.weights.tensor(&format!("{name}.{old}"), &[width]).map_err(|_| error))
        };
        let epsilon = self.settings.shape.layer_norm_eps;
        Ok(NormWeights { scale: part("weight", "gamma")?, shift: part("bias", "beta")?, epsilon })
    }
}

impl NormWeights {
    fn view(&self) -> Norm<'_> {
        Norm { kind: Kind::Layer { bias: &self.shift }, weight: &self.scale, epsilon: self.epsilon }
    }
}

fn first_segment(weights: &Weights, hidden: usize) -> Result<Vec<f32>, InferenceError> {
    let name = "embeddings.token_type_embeddings.weight";
    weights.tensor(name, &[2, hidden]).or_else(|error| weights.tensor(name, &[1, hidden]).map_err(|_| error)).map(
        |mut rows| {
            rows.truncate(hidden);
            rows
        },
    )
}
