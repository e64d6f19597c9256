//! NomicBERT and GTE: BERT with rotary positions and gated feed-forward parts.
//!
//! A state is bit for bit the same whatever else is in its unit.

use crate::InferenceError;
use crate::local::isa::Isa;
use crate::local::linear::{Activation, Finish, Linear};
use crate::local::loader::{Loader, NormWeights, Part};
use crate::local::ops::attention::Shape;
use crate::local::ops::rotary::{Columns, Rotary};
use crate::local::scratch::Scratch;
use crate::local::settings::{GatedFamily, GatedShape};
use crate::local::tokens::SECOND;
use crate::local::weights::Table;

/// The weights, ready to use; shared by all workers.
pub(crate) struct Gated {
    shape: GatedShape,
    words: Table,
    /// What every word of a segment adds, `[1 or 2, hidden]`: of the first text of a pair, and then
    /// of the second where the model tells them apart.
    segments: Vec<f32>,
    norm: NormWeights,
    layers: Vec<Layer>,
    rotary: Rotary,
    /// What the gate goes through.
    curve: Activation,
    isa: Isa,
}

struct Layer {
    query_key_value: Linear,
    attention: Linear,
    attention_norm: NormWeights,
    gate_up: Linear,
    down: Linear,
    norm: NormWeights,
}

impl Gated {
    /// Packs the weights for this machine, for texts of at most `most` tokens.
    ///
    /// # Errors
    /// When a tensor is missing or does not fit `shape`.
    pub fn load(shape: &GatedShape, most: usize, load: &Loader<'_>) -> Result<Self, InferenceError> {
        let hidden = shape.hidden_size;
        let norm = if shape.is_nomic() { "emb_ln" } else { "embeddings.LayerNorm" };
        Ok(Self {
            words: load.weights.table("embeddings.word_embeddings.weight", shape.vocab_size, hidden)?,
            segments: segments(load, shape)?,
            norm: load.layer_norm(norm, hidden, shape.layer_norm_eps)?,
            layers: (0..shape.num_hidden_layers).map(|at| layer(load, shape, at)).collect::<Result<_, _>>()?,
            rotary: Rotary::stretched(shape.rope_base, shape.rope_stretch, hidden / shape.num_attention_heads, most),
            curve: if shape.is_nomic() { Activation::Silu } else { Activation::Gelu },
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
        let (tokens, hidden) = (scratch.place(texts), self.shape.hidden_size);
        let last = self.segments.len() - hidden;
        scratch.states.clear();
        for id in texts.iter().flatten() {
            let (start, first) = (scratch.states.len(), if id & SECOND == 0 { 0 } else { last });
            scratch.states.extend_from_slice(&self.segments[first..first + hidden]);
            self.words.add_row((id & !SECOND) as usize, &mut scratch.states[start..]);
        }
        self.norm.view().after(self.isa, &mut scratch.states, &[]);
        watch(&scratch.states);
        for layer in &self.layers {
            self.step(layer, tokens, scratch);
            watch(&scratch.states);
        }
    }

    fn step(&self, layer: &Layer, tokens: usize, scratch: &mut Scratch) {
        let Scratch { hands, states, next, wide, inner, offsets } = scratch;
        let (heads, hidden, plain) =
            (self.shape.num_attention_heads, self.shape.hidden_size, Finish::Store(Activation::None));
        let head_dim = hidden / heads;
        let attend = Shape { heads, kv_heads: heads, head_dim, causal: false, window: None, bias: None };
        hands.product(&layer.query_key_value, states, tokens, plain, wide);
        let columns = Columns { row: attend.row(), first: 0, heads: 2 * heads, head_dim };
        self.rotary.apply(self.isa, wide, columns, offsets);
        next.resize(tokens * hidden, 0.0);
        hands.attend(&attend, wide, offsets, next);
        hands.product(&layer.attention, next, tokens, plain, wide);
        layer.attention_norm.view().after(self.isa, states, wide);
        hands.product(&layer.gate_up, states, tokens, plain, wide);
        let width = self.shape.inner;
        inner.resize(tokens * width, 0.0);
        self.curve.gate(self.isa, wide, width, inner);
        hands.product(&layer.down, inner, tokens, plain, next);
        layer.norm.view().after(self.isa, states, next);
    }
}

/// The rows of the segments that are told apart; zeros where none are.
fn segments(load: &Loader<'_>, shape: &GatedShape) -> Result<Vec<f32>, InferenceError> {
    let (rows, hidden) = (shape.type_vocab_size, shape.hidden_size);
    if rows == 0 {
        return Ok(vec![0.0; hidden]);
    }
    let mut table = load.weights.tensor("embeddings.token_type_embeddings.weight", &[rows, hidden])?;
    table.truncate(2 * hidden);
    Ok(table)
}

fn layer(load: &Loader<'_>, shape: &GatedShape, index: usize) -> Result<Layer, InferenceError> {
    let (hidden, inner, epsilon) = (shape.hidden_size, shape.inner, shape.layer_norm_eps);
    // Queries carry the scale of the softmax and the base-2 exponent that attention counts in;
    // turning them by position does not undo it.
    let scale = std::f64::consts::LOG2_E / ((hidden / shape.num_attention_heads) as f64).sqrt();
    let parts = [(hidden, scale), (2 * hidden, 1.0)];
    match shape.family {
        GatedFamily::Nomic { attention_bias, up_bias, down_bias } => {
            let name = |part: &str| format!("encoder.layers.{index}.{part}");
            let gate_up = ["mlp.fc12", "mlp.fc11"].map(|part| Part { name: name(part), outputs: inner, factor: 1.0 });
            Ok(Layer {
                query_key_value: load.fused(&name("attn.Wqkv"), &parts, hidden, attention_bias)?,
                attention: load.linear(&name("attn.out_proj"), hidden, hidden, attention_bias)?,
                attention_norm: load.layer_norm(&name("norm1"), hidden, epsilon)?,
                gate_up: load.joined(&gate_up, hidden, up_bias)?,
                down: load.linear(&name("mlp.fc2"), hidden, inner, down_bias)?,
                norm: load.layer_norm(&name("norm2"), hidden, epsilon)?,
            })
        }
        GatedFamily::Gte { packed } => {
            let name = |part: &str| format!("encoder.layer.{index}.{part}");
            let query_key_value = if packed {
                load.fused(&name("attention.qkv_proj"), &parts, hidden, true)?
            } else {
                let part = |(which, factor): (&str, f64)| Part {
                    name: name(&format!("attention.{which}_proj")),
                    outputs: hidden,
                    factor,
                };
                load.joined(&[("q", scale), ("k", 1.0), ("v", 1.0)].map(part), hidden, true)?
            };
            Ok(Layer {
                query_key_value,
                attention: load.linear(&name("attention.o_proj"), hidden, hidden, true)?,
                attention_norm: load.layer_norm(&name("attn_ln"), hidden, epsilon)?,
                gate_up: load.swapped(&name("mlp.up_gate_proj"), 2 * inner, hidden)?,
                down: load.linear(&name("mlp.down_proj"), hidden, inner, true)?,
                norm: load.layer_norm(&name("mlp_ln"), hidden, epsilon)?,
            })
        }
    }
}
