//! An encoder of BERT's or RoBERTa's kind on a card; the same graph as `local/encoder.rs`.

use crate::InferenceError;
use crate::cuda::fault::Fault;
use crate::cuda::kernels::{Heads, NormWeights, WordTables};
use crate::cuda::layer::{Layer, Pass};
use crate::cuda::numbers::Numbers;
use crate::cuda::scratch::Scratch;
use crate::cuda::unit::Placed;
use crate::cuda::upload::Upload;
use crate::cuda::watch::Watch;
use crate::local::encoder::places;
use crate::local::settings::EncoderShape;

/// The weights on the card; shared by all lanes.
pub(crate) struct Encoder {
    hidden: usize,
    inner: usize,
    heads: Heads,
    words: WordTables,
    norm: NormWeights,
    layers: Vec<Step>,
}

struct Step {
    query_key_value: Layer,
    attention: Layer,
    attention_norm: NormWeights,
    up: Layer,
    down: Layer,
    norm: NormWeights,
}

impl Encoder {
    /// Puts the weights on the card.
    ///
    /// # Errors
    /// When a tensor is missing or does not fit `shape`, and when the card's memory is full.
    pub fn load(shape: &EncoderShape, up: &Upload<'_>) -> Result<Self, InferenceError> {
        let (hidden, heads) = (shape.hidden_size, shape.num_attention_heads);
        let tables = places(up.weights, shape)?;
        let reach = shape.max_position_embeddings - shape.first_position();
        let segments = tables.len() / (reach * hidden);
        let words = up.words("embeddings.word_embeddings.weight", shape.vocab_size, hidden)?;
        Ok(Self {
            hidden,
            inner: shape.intermediate_size,
            heads: Heads { heads, kv_heads: heads, causal: false },
            words: WordTables { words, places: Some(up.floats(&tables)?), segments, reach },
            norm: up.layer_norm("embeddings.LayerNorm", hidden, shape.layer_norm_eps)?,
            layers: (0..shape.num_hidden_layers).map(|at| step(up, shape, at)).collect::<Result<_, _>>()?,
        })
    }

    /// Fills `scratch.states`; `watch` sees each stage.
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
        let (kernels, hidden, bytes) = (pass.kernels, self.hidden, pass.kernels.form.numbers.bytes());
        let (machine, size) = (kernels.machine, (unit.tokens, self.hidden));
        let states = scratch.states.of(machine, pass.rows * hidden * 4)?;
        // In floats the normed states are the products' input as they are.
        let exact = kernels.form.numbers == Numbers::Float;
        let next = scratch.next.of(machine, pass.rows * hidden * bytes)?;
        let wide = scratch.wide.of(machine, pass.rows * bytes * self.inner.max(3 * hidden))?;
        let (input, copy) = if exact { (states, None) } else { (next, Some(next)) };
        kernels.embed(unit, &self.words, hidden, states)?;
        kernels.norm(size, &self.norm, (states, None), copy, true)?;
        watch.see(machine, states, unit.tokens * hidden)?;
        for layer in &self.layers {
            let rooms = &mut scratch.rooms;
            layer.query_key_value.forward(pass, input, wide, rooms)?;
            kernels.attend(unit, self.heads, wide, next)?;
            layer.attention.forward(pass, next, wide, rooms)?;
            kernels.norm(size, &layer.attention_norm, (states, Some(wide)), copy, true)?;
            layer.up.forward(pass, input, wide, rooms)?;
            kernels.gelu(wide, unit.tokens * self.inner)?;
            layer.down.forward(pass, wide, next, rooms)?;
            kernels.norm(size, &layer.norm, (states, Some(next)), copy, true)?;
            watch.see(machine, states, unit.tokens * hidden)?;
        }
        Ok(())
    }
}

fn step(up: &Upload<'_>, shape: &EncoderShape, index: usize) -> Result<Step, InferenceError> {
    let (hidden, inner, epsilon) = (shape.hidden_size, shape.intermediate_size, shape.layer_norm_eps);
    let name = |part: &str| format!("encoder.layer.{index}.{part}");
    // Queries carry the scale of the softmax and the base-2 exponent that attention counts in.
    let scale = std::f64::consts::LOG2_E / ((hidden / shape.num_attention_heads) as f64).sqrt();
    let part = |(which, factor): (&str, f64)| (name(&format!("attention.self.{which}")), hidden, factor);
    Ok(Step {
        query_key_value: up.joined(&[("query", scale), ("key", 1.0), ("value", 1.0)].map(part), hidden, true)?,
        attention: up.linear(&name("attention.output.dense"), hidden, hidden, true)?,
        attention_norm: up.layer_norm(&name("attention.output.LayerNorm"), hidden, epsilon)?,
        up: up.linear(&name("intermediate.dense"), inner, hidden, true)?,
        down: up.linear(&name("output.dense"), hidden, inner, true)?,
        norm: up.layer_norm(&name("output.LayerNorm"), hidden, epsilon)?,
    })
}
