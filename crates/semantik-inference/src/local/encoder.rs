//! An encoder of BERT's, RoBERTa's or MPNet's kind: every token sees every other, a norm after each part.
//!
//! Linear layers see one tall matrix, attention sees each text by itself. A state is bit for bit
//! the same whatever else is in its unit.

use crate::InferenceError;
use crate::local::isa::Isa;
use crate::local::linear::{Activation, Finish, Linear};
use crate::local::loader::{Loader, NormWeights, Part};
use crate::local::ops::attention::Shape;
use crate::local::relative::{BUCKETS, Relative};
use crate::local::scratch::Scratch;
use crate::local::settings::EncoderShape;
use crate::local::tokens::SECOND;
use crate::local::weights::{Table, Weights};

/// Names of the parts of attention: queries, keys, values, output, norm.
const BERT: [&str; 5] = [
    "attention.self.query",
    "attention.self.key",
    "attention.self.value",
    "attention.output.dense",
    "attention.output.LayerNorm",
];
const MPNET: [&str; 5] =
    ["attention.attn.q", "attention.attn.k", "attention.attn.v", "attention.attn.o", "attention.LayerNorm"];

/// The weights, ready to use; shared by all workers.
pub(crate) struct Encoder {
    shape: EncoderShape,
    words: Table,
    /// Position and segment added up, one row per position: for the first text of a pair, and then
    /// for the second where the model tells them apart.
    places: Vec<f32>,
    norm: NormWeights,
    layers: Vec<Layer>,
    /// What distance adds to attention, where it does.
    relative: Option<Relative>,
    isa: Isa,
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
    /// Packs the weights for this machine.
    ///
    /// # Errors
    /// When a tensor is missing or does not fit `shape`.
    pub fn load(shape: &EncoderShape, load: &Loader<'_>) -> Result<Self, InferenceError> {
        let places = load.numbers("places", || places(load.weights, shape))?;
        let hidden = shape.hidden_size;
        Ok(Self {
            words: load.weights.table("embeddings.word_embeddings.weight", shape.vocab_size, hidden)?,
            places,
            norm: load.layer_norm("embeddings.LayerNorm", hidden, shape.layer_norm_eps)?,
            layers: (0..shape.num_hidden_layers).map(|at| layer(load, shape, at)).collect::<Result<_, _>>()?,
            relative: relative(load.weights, shape)?,
            isa: load.isa,
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
        let table = (self.shape.max_position_embeddings - self.shape.first_position()) * hidden;
        states.clear();
        for text in texts {
            for (position, id) in text.iter().enumerate() {
                let start = states.len();
                let first = if id & SECOND == 0 { 0 } else { self.places.len() - table };
                states.extend_from_slice(&self.places[first..first + table][position * hidden..][..hidden]);
                self.words.add_row((id & !SECOND) as usize, &mut states[start..]);
            }
        }
        self.norm.view().after(self.isa, states, &[]);
    }

    fn step(&self, layer: &Layer, tokens: usize, scratch: &mut Scratch) {
        let Scratch { hands, states, next, wide, offsets, .. } = scratch;
        let (heads, hidden) = (self.shape.num_attention_heads, self.shape.hidden_size);
        let plain = Finish::Store(Activation::None);
        hands.product(&layer.query_key_value, states, tokens, plain, wide);
        let bias = self.relative.as_ref().map(Relative::view);
        let attend = Shape { heads, kv_heads: heads, head_dim: hidden / heads, causal: false, window: None, bias };
        next.resize(tokens * hidden, 0.0);
        hands.attend(&attend, wide, offsets, next);
        hands.product(&layer.attention, next, tokens, plain, wide);
        layer.attention_norm.view().after(self.isa, states, wide);
        hands.product(&layer.up, states, tokens, Finish::Store(Activation::Gelu), wide);
        hands.product(&layer.down, wide, tokens, plain, next);
        layer.norm.view().after(self.isa, states, next);
    }
}

fn layer(load: &Loader<'_>, shape: &EncoderShape, index: usize) -> Result<Layer, InferenceError> {
    let (hidden, inner, epsilon) = (shape.hidden_size, shape.intermediate_size, shape.layer_norm_eps);
    let name = |part: &str| format!("encoder.layer.{index}.{part}");
    // Queries carry the scale of the softmax and the base-2 exponent that attention counts in.
    let scale = std::f64::consts::LOG2_E / ((hidden / shape.num_attention_heads) as f64).sqrt();
    let [query, key, value, output, norm] = if shape.is_mpnet() { MPNET } else { BERT };
    let part = |(which, factor): (&str, f64)| Part { name: name(which), outputs: hidden, factor };
    Ok(Layer {
        query_key_value: load.joined(&[(query, scale), (key, 1.0), (value, 1.0)].map(part), hidden, true)?,
        attention: load.linear(&name(output), hidden, hidden, true)?,
        attention_norm: load.layer_norm(&name(norm), hidden, epsilon)?,
        up: load.linear(&name("intermediate.dense"), inner, hidden, true)?,
        down: load.linear(&name("output.dense"), hidden, inner, true)?,
        norm: load.layer_norm(&name("output.LayerNorm"), hidden, epsilon)?,
    })
}

/// The bias by distance of models that have one.
fn relative(weights: &Weights, shape: &EncoderShape) -> Result<Option<Relative>, InferenceError> {
    if !shape.is_mpnet() {
        return Ok(None);
    }
    let heads = shape.num_attention_heads;
    let table = weights.tensor("encoder.relative_attention_bias.weight", &[BUCKETS, heads])?;
    let reach = shape.max_position_embeddings.saturating_sub(shape.first_position());
    Ok(Some(Relative::new(&table, heads, reach)))
}

/// One table per segment, from the position of a text's first token on: position and segment added up.
///
/// # Errors
/// When a tensor is missing or has another shape.
pub(crate) fn places(weights: &Weights, shape: &EncoderShape) -> Result<Vec<f32>, InferenceError> {
    let hidden = shape.hidden_size;
    let name = "embeddings.token_type_embeddings.weight";
    let segments = if shape.is_mpnet() {
        vec![0.0; hidden]
    } else {
        weights.tensor(name, &[2, hidden]).or_else(|error| weights.tensor(name, &[1, hidden]).map_err(|_| error))?
    };
    let mut positions =
        weights.tensor("embeddings.position_embeddings.weight", &[shape.max_position_embeddings, hidden])?;
    positions.drain(..shape.first_position() * hidden);
    Ok(segments
        .chunks_exact(hidden)
        .flat_map(|segment| {
            positions.chunks_exact(hidden).flat_map(move |row| row.iter().zip(segment).map(|(p, s)| p + s))
        })
        .collect())
}
