//! NomicBERT: BERT with rotary positions and gated feed-forward parts.
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
use crate::local::settings::NomicShape;
use crate::local::weights::Table;

/// The weights, ready to use; shared by all workers.
pub(crate) struct Nomic {
    shape: NomicShape,
    words: Table,
    /// What every word of a first segment adds; `[hidden]`.
    segment: Vec<f32>,
    norm: NormWeights,
    layers: Vec<Layer>,
    rotary: Rotary,
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

impl Nomic {
    /// Packs the weights for this machine, for texts of at most `most` tokens.
    ///
    /// # Errors
    /// When a tensor is missing or does not fit `shape`.
    pub fn load(shape: &NomicShape, most: usize, load: &Loader<'_>) -> Result<Self, InferenceError> {
        let hidden = shape.hidden_size;
        let mut segment = vec![0.0; hidden];
        if shape.type_vocab_size > 0 {
            let size = [shape.type_vocab_size, hidden];
            segment = load.weights.tensor("embeddings.token_type_embeddings.weight", &size)?;
            segment.truncate(hidden);
        }
        Ok(Self {
            words: load.weights.table("embeddings.word_embeddings.weight", shape.vocab_size, hidden)?,
            segment,
            norm: load.layer_norm("emb_ln", hidden, shape.layer_norm_eps)?,
            layers: (0..shape.num_hidden_layers).map(|at| layer(load, shape, at)).collect::<Result<_, _>>()?,
            rotary: Rotary::new(shape.rope_base(), hidden / shape.num_attention_heads, most),
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
        let tokens = scratch.embed(texts, &self.words, Some(&self.segment));
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
        let width = self.shape.inner();
        inner.resize(tokens * width, 0.0);
        activation::Activation::Silu.gate(self.isa, wide, width, inner);
        hands.product(&layer.down, inner, tokens, plain, next);
        layer.norm.view().after(self.isa, states, next);
    }
}

fn layer(load: &Loader<'_>, shape: &NomicShape, index: usize) -> Result<Layer, InferenceError> {
    let (hidden, inner, epsilon) = (shape.hidden_size, shape.inner(), shape.layer_norm_eps);
    let name = |part: &str| format!("encoder.layers.{index}.{part}");
    // Queries carry the scale of the softmax and the base-2 exponent that attention counts in;
    // turning them by position does not undo it.
    let scale = std::f64::consts::LOG2_E / ((hidden / shape.num_attention_heads) as f64).sqrt();
    let gate_up = ["mlp.fc12", "mlp.fc11"].map(|part| Part { name: name(part), outputs: inner, factor: 1.0 });
    Ok(Layer {
        query_key_value: load.fused(
            &name("attn.Wqkv"),
            &[(hidden, scale), (2 * hidden, 1.0)],
            hidden,
            shape.qkv_proj_bias,
        )?,
        attention: load.linear(&name("attn.out_proj"), hidden, hidden, shape.qkv_proj_bias)?,
        attention_norm: load.layer_norm(&name("norm1"), hidden, epsilon)?,
        gate_up: load.joined(&gate_up, hidden, shape.mlp_fc1_bias)?,
        down: load.linear(&name("mlp.fc2"), hidden, inner, shape.mlp_fc2_bias)?,
        norm: load.layer_norm(&name("norm2"), hidden, epsilon)?,
    })
}
