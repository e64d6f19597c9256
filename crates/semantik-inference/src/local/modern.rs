//! ModernBERT: a norm before each part, gated feed-forward parts, rotary positions, and most layers
//! see only the neighbourhood of a token.
//!
//! A state is bit for bit the same whatever else is in its unit.

use crate::InferenceError;
use crate::local::isa::Isa;
use crate::local::linear::{Activation, Finish, Linear};
use crate::local::loader::{Loader, NormWeights};
use crate::local::ops::activation;
use crate::local::ops::attention::Shape;
use crate::local::ops::rotary::{Columns, Rotary};
use crate::local::scratch::Scratch;
use crate::local::settings::{ModernShape, Sight};
use crate::local::weights::Table;

/// The weights, ready to use; shared by all workers.
pub(crate) struct Modern {
    shape: ModernShape,
    words: Table,
    embedding_norm: NormWeights,
    layers: Vec<Layer>,
    norm: NormWeights,
    /// Positions of layers that see everything, and of those that do not.
    rotary: [Rotary; 2],
    isa: Isa,
}

struct Layer {
    sight: Sight,
    /// The first layer's input is normed already.
    attention_norm: Option<NormWeights>,
    query_key_value: Linear,
    attention: Linear,
    norm: NormWeights,
    gate_up: Linear,
    down: Linear,
}

impl Modern {
    /// Packs the weights for this machine, for texts of at most `most` tokens.
    ///
    /// # Errors
    /// When a tensor is missing or does not fit `shape`.
    pub fn load(shape: &ModernShape, most: usize, load: &Loader<'_>) -> Result<Self, InferenceError> {
        let (hidden, head) = (shape.hidden_size, shape.hidden_size / shape.num_attention_heads);
        let norm = |name: &str| load.norm(name, hidden, shape.norm_eps, shape.norm_bias);
        Ok(Self {
            words: load.weights.table("embeddings.tok_embeddings.weight", shape.vocab_size, hidden)?,
            embedding_norm: norm("embeddings.norm")?,
            layers: (0..shape.num_hidden_layers).map(|at| layer(load, shape, at)).collect::<Result<_, _>>()?,
            norm: norm("final_norm")?,
            rotary: [Sight::All, Sight::Near(0)].map(|sight| Rotary::new(shape.rope_base(sight), head, most)),
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
        self.embedding_norm.view().after(self.isa, &mut scratch.states, &[]);
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
        let (heads, hidden, plain) =
            (self.shape.num_attention_heads, self.shape.hidden_size, Finish::Store(Activation::None));
        let (window, rotary) = match layer.sight {
            Sight::All => (None, &self.rotary[0]),
            Sight::Near(reach) => (Some(reach), &self.rotary[1]),
        };
        let head_dim = hidden / heads;
        let attend = Shape { heads, kv_heads: heads, head_dim, causal: false, window, bias: None };
        next.resize(tokens * hidden, 0.0);
        match &layer.attention_norm {
            Some(norm) => {
                norm.view().before(self.isa, states, &[], next);
                hands.product(&layer.query_key_value, next, tokens, plain, wide);
            }
            None => hands.product(&layer.query_key_value, states, tokens, plain, wide),
        }
        rotary.apply(self.isa, wide, Columns { row: attend.row(), first: 0, heads: 2 * heads, head_dim }, offsets);
        hands.attend(&attend, wide, offsets, next);
        hands.product(&layer.attention, next, tokens, Finish::Add, states);
        layer.norm.view().before(self.isa, states, &[], next);
        hands.product(&layer.gate_up, next, tokens, plain, wide);
        let width = self.shape.intermediate_size;
        inner.resize(tokens * width, 0.0);
        activation::Activation::Gelu.gate(self.isa, wide, width, inner);
        hands.product(&layer.down, inner, tokens, Finish::Add, states);
    }
}

fn layer(load: &Loader<'_>, shape: &ModernShape, index: usize) -> Result<Layer, InferenceError> {
    let (hidden, inner) = (shape.hidden_size, shape.intermediate_size);
    let name = |part: &str| format!("layers.{index}.{part}");
    let norm = |part: &str| load.norm(&name(part), hidden, shape.norm_eps, shape.norm_bias);
    // Queries carry the scale of the softmax and the base-2 exponent that attention counts in;
    // turning them by position does not undo it.
    let scale = std::f64::consts::LOG2_E / ((hidden / shape.num_attention_heads) as f64).sqrt();
    let parts = [(hidden, scale), (2 * hidden, 1.0)];
    Ok(Layer {
        sight: shape.sight(index),
        attention_norm: if index == 0 { None } else { Some(norm("attn_norm")?) },
        query_key_value: load.fused(&name("attn.Wqkv"), &parts, hidden, shape.attention_bias)?,
        attention: load.linear(&name("attn.Wo"), hidden, hidden, shape.attention_bias)?,
        norm: norm("mlp_norm")?,
        gate_up: load.linear(&name("mlp.Wi"), 2 * inner, hidden, shape.mlp_bias)?,
        down: load.linear(&name("mlp.Wo"), hidden, inner, shape.mlp_bias)?,
    })
}
