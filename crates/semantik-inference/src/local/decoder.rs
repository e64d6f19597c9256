//! A decoder of Qwen3's kind: every token sees itself and what is before it, a norm before each
//! part, rotary positions, fewer heads of keys and values than of queries.
//!
//! A state is bit for bit the same whatever else is in its unit.

use crate::InferenceError;
use crate::local::isa::Isa;
use crate::local::linear::{Activation, Finish, Linear};
use crate::local::loader::{Loader, NormWeights, Part};
use crate::local::ops::activation;
use crate::local::ops::attention::Shape;
use crate::local::ops::rotary::{Columns, Rotary};
use crate::local::scratch::Scratch;
use crate::local::settings::DecoderShape;
use crate::local::weights::Table;

/// The weights, ready to use; shared by all workers.
pub(crate) struct Decoder {
    shape: DecoderShape,
    words: Table,
    layers: Vec<Layer>,
    norm: NormWeights,
    rotary: Rotary,
    isa: Isa,
}

struct Layer {
    attention_norm: NormWeights,
    query_key_value: Linear,
    query_norm: NormWeights,
    key_norm: NormWeights,
    attention: Linear,
    norm: NormWeights,
    gate_up: Linear,
    down: Linear,
}

impl Decoder {
    /// Packs the weights for this machine, for texts of at most `most` tokens.
    ///
    /// # Errors
    /// When a tensor is missing or does not fit `shape`.
    pub fn load(shape: &DecoderShape, most: usize, load: &Loader<'_>) -> Result<Self, InferenceError> {
        Ok(Self {
            words: load.weights.table("embed_tokens.weight", shape.vocab_size, shape.hidden_size)?,
            layers: (0..shape.num_hidden_layers).map(|at| layer(load, shape, at)).collect::<Result<_, _>>()?,
            norm: load.rms_norm("norm", shape.hidden_size, shape.rms_norm_eps, 1.0)?,
            rotary: Rotary::new(shape.rope_base(), shape.head_dim, most),
            isa: load.isa,
            shape: shape.clone(),
        })
    }

    /// Fills `scratch.states` with the last layer's, normed; `watch` sees each stage.
    ///
    /// # Panics
    /// When an id is outside the vocabulary or a text longer than the model takes; the tokenizer
    /// sees to both.
    pub fn run(&self, texts: &[Vec<u32>], scratch: &mut Scratch, watch: &mut dyn FnMut(&[f32])) {
        let tokens = scratch.embed(texts, &self.words);
        watch(&scratch.states);
        for layer in &self.layers {
            self.step(layer, tokens, scratch);
            watch(&scratch.states);
        }
        self.norm.view().after(self.isa, &mut scratch.states, &[]);
        watch(&scratch.states);
    }

    fn step(&self, layer: &Layer, tokens: usize, scratch: &mut Scratch) {
        let Scratch { hands, states, next, wide, inner, offsets } = scratch;
        let plain = Finish::Store(Activation::None);
        let attend = self.attention();
        next.resize(tokens * self.shape.hidden_size, 0.0);
        layer.attention_norm.view().before(self.isa, states, &[], next);
        hands.product(&layer.query_key_value, next, tokens, plain, wide);
        let (row, queries) = (attend.row(), attend.width());
        layer.query_norm.view().heads(self.isa, wide, row, 0, attend.heads);
        layer.key_norm.view().heads(self.isa, wide, row, queries, attend.kv_heads);
        let columns = Columns { row, first: 0, heads: attend.heads + attend.kv_heads, head_dim: attend.head_dim };
        self.rotary.apply(self.isa, wide, columns, offsets);
        inner.resize(tokens * queries, 0.0);
        hands.attend(&attend, wide, offsets, inner);
        hands.product(&layer.attention, inner, tokens, Finish::Add, states);
        layer.norm.view().before(self.isa, states, &[], next);
        hands.product(&layer.gate_up, next, tokens, plain, wide);
        let width = self.shape.intermediate_size;
        inner.resize(tokens * width, 0.0);
        activation::Activation::Silu.gate(self.isa, wide, width, inner);
        hands.product(&layer.down, inner, tokens, Finish::Add, states);
    }

    fn attention(&self) -> Shape<'static> {
        Shape {
            heads: self.shape.num_attention_heads,
            kv_heads: self.shape.num_key_value_heads,
            head_dim: self.shape.head_dim,
            causal: true,
            window: None,
            bias: None,
        }
    }
}

fn layer(load: &Loader<'_>, shape: &DecoderShape, index: usize) -> Result<Layer, InferenceError> {
    let (hidden, inner, epsilon) = (shape.hidden_size, shape.intermediate_size, shape.rms_norm_eps);
    let (queries, keys) = (shape.num_attention_heads * shape.head_dim, shape.num_key_value_heads * shape.head_dim);
    let name = |part: &str| format!("layers.{index}.{part}");
    let part = |(which, outputs): (&str, usize)| Part { name: name(which), outputs, factor: 1.0 };
    // Queries carry the scale of the softmax and the base-2 exponent that attention counts in. A
    // norm follows their product and would undo both there; turning them by position does not.
    let scale = std::f64::consts::LOG2_E / (shape.head_dim as f64).sqrt();
    Ok(Layer {
        attention_norm: load.rms_norm(&name("input_layernorm"), hidden, epsilon, 1.0)?,
        query_key_value: load.joined(
            &[("self_attn.q_proj", queries), ("self_attn.k_proj", keys), ("self_attn.v_proj", keys)].map(part),
            hidden,
            shape.attention_bias,
        )?,
        query_norm: load.rms_norm(&name("self_attn.q_norm"), shape.head_dim, epsilon, scale)?,
        key_norm: load.rms_norm(&name("self_attn.k_norm"), shape.head_dim, epsilon, 1.0)?,
        attention: load.linear(&name("self_attn.o_proj"), hidden, queries, shape.attention_bias)?,
        norm: load.rms_norm(&name("post_attention_layernorm"), hidden, epsilon, 1.0)?,
        gate_up: load.joined(&[("mlp.gate_proj", inner), ("mlp.up_proj", inner)].map(part), hidden, false)?,
        down: load.linear(&name("mlp.down_proj"), hidden, inner, false)?,
    })
}
