//! An encoder of BERT's or RoBERTa's kind: every token sees every other, a norm after each part.
//!
//! Linear layers see one tall matrix, attention sees each text by itself. A state is bit for bit
//! the same whatever else is in its unit.

use std::path::Path;

use crate::InferenceError;
use crate::local::linear::{Activation, Finish, Linear};
use crate::local::loader::{Loader, NormWeights, Part, product};
use crate::local::ops::attention::{self, Heads, Shape};
use crate::local::ops::{self};
use crate::local::scratch::Scratch;
use crate::local::settings::{EncoderShape, invalid};
use crate::local::tokens::SECOND;
use crate::local::weights::{Table, Weights};

/// The weights, ready to use; shared by all workers.
pub(crate) struct Encoder {
    shape: EncoderShape,
    words: Table,
    /// Position and segment added up, one row per position: for the first text of a pair, and for
    /// the second where the model tells them apart.
    places: Vec<Vec<f32>>,
    norm: NormWeights,
    layers: Vec<Layer>,
    isa: ops::Isa,
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
    /// Packs the weights of `folder` for this machine.
    ///
    /// # Errors
    /// When a tensor is missing or does not fit `shape`.
    pub fn load(folder: &Path, shape: &EncoderShape, load: &Loader<'_>) -> Result<Self, InferenceError> {
        let places = places(load.weights, shape)?;
        if places.iter().flatten().any(|value| !value.is_finite()) {
            return Err(invalid(folder, "model.safetensors: a weight is not a finite number"));
        }
        let hidden = shape.hidden_size;
        Ok(Self {
            words: load.weights.table("embeddings.word_embeddings.weight", shape.vocab_size, hidden)?,
            places,
            norm: load.layer_norm("embeddings.LayerNorm", hidden, shape.layer_norm_eps)?,
            layers: (0..shape.num_hidden_layers).map(|at| layer(load, shape, at)).collect::<Result<_, _>>()?,
            isa: ops::Isa::detect(),
            shape: shape.clone(),
        })
    }

    /// Fills `scratch.states` with the last layer's; `watch` sees each stage.
    ///
    /// # Panics
    /// When an id is outside the vocabulary or a text longer than the model takes; the tokenizer
    /// sees to both.
    pub fn run(&self, texts: &[Vec<u32>], scratch: &mut Scratch, watch: &mut dyn FnMut(&[f32])) {
        let tokens = scratch.place(texts);
        self.embed(texts, &mut scratch.states);
        watch(&scratch.states);
        for layer in &self.layers {
            self.step(layer, tokens, scratch);
            watch(&scratch.states);
        }
    }

    fn embed(&self, texts: &[Vec<u32>], states: &mut Vec<f32>) {
        let hidden = self.shape.hidden_size;
        states.clear();
        for text in texts {
            for (position, id) in text.iter().enumerate() {
                let start = states.len();
                let segment = usize::from(id & SECOND != 0).min(self.places.len() - 1);
                states.extend_from_slice(&self.places[segment][position * hidden..(position + 1) * hidden]);
                self.words.add_row((id & !SECOND) as usize, &mut states[start..]);
            }
        }
        self.norm.view().after(self.isa, states, &[]);
    }

    fn step(&self, layer: &Layer, tokens: usize, scratch: &mut Scratch) {
        let Scratch { rows, attention, states, next, wide, offsets, .. } = scratch;
        let (heads, hidden) = (self.shape.num_attention_heads, self.shape.hidden_size);
        let plain = Finish::Store(Activation::None);
        product(rows, &layer.query_key_value, states, tokens, plain, wide);
        let attend =
            Shape { heads, kv_heads: heads, head_dim: hidden / heads, causal: false, window: None, bias: None };
        next.resize(tokens * hidden, 0.0);
        attention::attend(self.isa, &attend, wide, offsets, attention, Heads::whole(&attend, next));
        product(rows, &layer.attention, next, tokens, plain, wide);
        layer.attention_norm.view().after(self.isa, states, wide);
        product(rows, &layer.up, states, tokens, Finish::Store(Activation::Gelu), wide);
        product(rows, &layer.down, wide, tokens, plain, next);
        layer.norm.view().after(self.isa, states, next);
    }
}

fn layer(load: &Loader<'_>, shape: &EncoderShape, index: usize) -> Result<Layer, InferenceError> {
    let (hidden, inner, epsilon) = (shape.hidden_size, shape.intermediate_size, shape.layer_norm_eps);
    let name = |part: &str| format!("encoder.layer.{index}.{part}");
    // Queries carry the scale of the softmax and the base-2 exponent that attention counts in.
    let scale = std::f64::consts::LOG2_E / ((hidden / shape.num_attention_heads) as f64).sqrt();
    let part =
        |(which, factor): (&str, f64)| Part { name: name(&format!("attention.self.{which}")), outputs: hidden, factor };
    Ok(Layer {
        query_key_value: load.joined(&[("query", scale), ("key", 1.0), ("value", 1.0)].map(part), hidden, true)?,
        attention: load.linear(&name("attention.output.dense"), hidden, hidden, true)?,
        attention_norm: load.layer_norm(&name("attention.output.LayerNorm"), hidden, epsilon)?,
        up: load.linear(&name("intermediate.dense"), inner, hidden, true)?,
        down: load.linear(&name("output.dense"), hidden, inner, true)?,
        norm: load.layer_norm(&name("output.LayerNorm"), hidden, epsilon)?,
    })
}

/// One table per segment, from the position of a text's first token on: position and segment added up.
///
/// # Errors
/// When a tensor is missing or has another shape.
pub(crate) fn places(weights: &Weights, shape: &EncoderShape) -> Result<Vec<Vec<f32>>, InferenceError> {
    let hidden = shape.hidden_size;
    let name = "embeddings.token_type_embeddings.weight";
    let segments =
        weights.tensor(name, &[2, hidden]).or_else(|error| weights.tensor(name, &[1, hidden]).map_err(|_| error))?;
    let mut positions =
        weights.tensor("embeddings.position_embeddings.weight", &[shape.max_position_embeddings, hidden])?;
    positions.drain(..shape.first_position() * hidden);
    Ok(segments
        .chunks_exact(hidden)
        .map(|segment| {
            positions.chunks_exact(hidden).flat_map(|row| row.iter().zip(segment).map(|(p, s)| p + s)).collect()
        })
        .collect())
}
