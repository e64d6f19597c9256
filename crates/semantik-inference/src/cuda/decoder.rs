//! A decoder of Qwen3's kind on a card; the same graph as `local/decoder.rs`.

use crate::InferenceError;
use crate::cuda::fault::Fault;
use crate::cuda::kernels::{Heads, NormWeights, RotaryTables, WordTables};
use crate::cuda::layer::{Layer, Pass};
use crate::cuda::scratch::Scratch;
use crate::cuda::unit::Placed;
use crate::cuda::upload::Upload;
use crate::cuda::watch::Watch;
use crate::local::ops::rotary::Rotary;
use crate::local::settings::DecoderShape;

/// The weights on the card; shared by all lanes.
pub(crate) struct Decoder {
    hidden: usize,
    inner: usize,
    heads: Heads,
    words: WordTables,
    layers: Vec<Step>,
    norm: NormWeights,
    rotary: RotaryTables,
}

struct Step {
    attention_norm: NormWeights,
    query_key_value: Layer,
    query_norm: NormWeights,
    key_norm: NormWeights,
    attention: Layer,
    norm: NormWeights,
    gate_up: Layer,
    down: Layer,
}

impl Decoder {
    /// Puts the weights on the card, for texts of at most `most` tokens.
    ///
    /// # Errors
    /// When a tensor is missing or does not fit `shape`, and when the card's memory is full.
    pub fn load(shape: &DecoderShape, most: usize, up: &Upload<'_>) -> Result<Self, InferenceError> {
        let rotary = Rotary::new(shape.rope_base(), shape.head_dim, most);
        let (cosines, sines) = rotary.tables();
        let words = up.words("embed_tokens.weight", shape.vocab_size, shape.hidden_size)?;
        Ok(Self {
            hidden: shape.hidden_size,
            inner: shape.intermediate_size,
            heads: Heads { heads: shape.num_attention_heads, kv_heads: shape.num_key_value_heads, causal: true },
            words: WordTables { words, places: None, segments: 1, reach: 0 },
            layers: (0..shape.num_hidden_layers).map(|at| step(up, shape, at)).collect::<Result<_, _>>()?,
            norm: up.rms_norm("norm", shape.hidden_size, shape.rms_norm_eps, 1.0)?,
            rotary: RotaryTables { cosines: up.floats(cosines)?, sines: up.floats(sines)? },
        })
    }

    /// Fills `scratch.states` with the last layer's, normed; `watch` sees each stage.
    ///
    /// # Errors
    /// When the machine fails.
    pub fn run(
        &self,
        pass: &Pass<'_>,
        unit: &Placed,
        scratch: &mut Scratch,
        watch: &mut Watch<'_>,
    ) -> Result<(), Fault> {
        let (kernels, hidden, inner) = (pass.kernels, self.hidden, self.inner);
        let (machine, size) = (kernels.machine, (unit.tokens, hidden));
        let room = |width: usize| pass.rows * width * kernels.form.numbers.bytes();
        let head_dim = kernels.form.head_dim;
        let (row, queries) = (self.heads.row(head_dim), self.heads.heads * head_dim);
        let states = scratch.states.of(machine, pass.rows * hidden * 4)?;
        let next = scratch.next.of(machine, room(hidden))?;
        let wide = scratch.wide.of(machine, room(row.max(2 * inner)))?;
        let narrow = scratch.inner.of(machine, room(queries.max(inner)))?;
        kernels.embed(unit, &self.words, hidden, states)?;
        watch.see(machine, states, unit.tokens * hidden)?;
        // What a part gives is added to the states by the norm before the next part.
        let mut added = None;
        for layer in &self.layers {
            let rooms = &mut scratch.rooms;
            kernels.norm(size, &layer.attention_norm, (states, added), Some(next), false)?;
            if added.is_some() {
                watch.see(machine, states, unit.tokens * hidden)?;
            }
            layer.query_key_value.forward(pass, next, wide, rooms)?;
            kernels.turn(unit, self.heads, [&layer.query_norm, &layer.key_norm], &self.rotary, wide)?;
            kernels.attend(unit, self.heads, wide, narrow)?;
            layer.attention.forward(pass, narrow, next, rooms)?;
            kernels.norm(size, &layer.norm, (states, Some(next)), Some(next), false)?;
            layer.gate_up.forward(pass, next, wide, rooms)?;
            kernels.gate(unit.tokens, inner, wide, narrow)?;
            layer.down.forward(pass, narrow, next, rooms)?;
            added = Some(next);
        }
        kernels.norm(size, &self.norm, (states, added), None, true)?;
        watch.see(machine, states, unit.tokens * hidden)
    }
}

fn step(up: &Upload<'_>, shape: &DecoderShape, index: usize) -> Result<Step, InferenceError> {
    let (hidden, inner, epsilon) = (shape.hidden_size, shape.intermediate_size, shape.rms_norm_eps);
    let (queries, keys) = (shape.num_attention_heads * shape.head_dim, shape.num_key_value_heads * shape.head_dim);
    let name = |part: &str| format!("layers.{index}.{part}");
    let part = |(which, outputs): (&str, usize)| (name(which), outputs, 1.0);
    // Queries carry the scale of the softmax and the base-2 exponent that attention counts in. A
    // norm follows their product and would undo both there; turning them by position does not.
    let scale = std::f64::consts::LOG2_E / (shape.head_dim as f64).sqrt();
    let attention = [("self_attn.q_proj", queries), ("self_attn.k_proj", keys), ("self_attn.v_proj", keys)];
    Ok(Step {
        attention_norm: up.rms_norm(&name("input_layernorm"), hidden, epsilon, 1.0)?,
        query_key_value: up.joined(&attention.map(part), hidden, shape.attention_bias)?,
        query_norm: up.rms_norm(&name("self_attn.q_norm"), shape.head_dim, epsilon, scale)?,
        key_norm: up.rms_norm(&name("self_attn.k_norm"), shape.head_dim, epsilon, 1.0)?,
        attention: up.linear(&name("self_attn.o_proj"), hidden, queries, shape.attention_bias)?,
        norm: up.rms_norm(&name("post_attention_layernorm"), hidden, epsilon, 1.0)?,
        gate_up: up.joined(&[("mlp.gate_proj", inner), ("mlp.up_proj", inner)].map(part), hidden, false)?,
        down: up.linear(&name("mlp.down_proj"), hidden, inner, false)?,
    })
}
