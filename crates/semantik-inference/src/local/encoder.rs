//! A BERT encoder over units of texts, without padding.
//!
//! The texts of a unit are laid end to end: linear layers see one tall matrix, attention sees each
//! text by itself. A vector is bit for bit the same whatever else is in its unit.

use std::path::Path;

use crate::InferenceError;
use crate::local::kernels::{Target, View, gelu, layer_norm, least_rows, multiply, normalise, softmax};
use crate::local::settings::{Pooling, Settings, invalid};
use crate::local::weights::{Table, Weights};

/// The weights of a model, ready to use; shared by all workers.
pub(crate) struct Encoder {
    settings: Settings,
    words: Table,
    /// Position and segment 0 added up, one row per position.
    places: Vec<f32>,
    norm: Norm,
    layers: Vec<Layer>,
    least_rows: usize,
}

/// Buffers of one worker, reused from unit to unit.
#[derive(Default)]
pub(crate) struct Scratch {
    states: Vec<f32>,
    next: Vec<f32>,
    wide: Vec<f32>,
    context: Vec<f32>,
    scores: Vec<f32>,
}

struct Norm {
    scale: Vec<f32>,
    shift: Vec<f32>,
    epsilon: f32,
}

struct Linear {
    /// `[inputs, outputs]`: turned at load, so that outputs are contiguous.
    weight: Vec<f32>,
    bias: Vec<f32>,
    inputs: usize,
}

struct Layer {
    query_key_value: Linear,
    attention: Linear,
    attention_norm: Norm,
    up: Linear,
    down: Linear,
    norm: Norm,
}

impl Encoder {
    /// Loads the weights of `folder`.
    ///
    /// # Errors
    /// When a tensor is missing or does not fit `settings`.
    pub fn load(folder: &Path, settings: Settings) -> Result<Self, InferenceError> {
        let weights = Weights::open(folder)?;
        let shape = &settings.shape;
        let hidden = shape.hidden_size;
        let mut places =
            weights.tensor("embeddings.position_embeddings.weight", &[shape.max_position_embeddings, hidden])?;
        let segment = first_segment(&weights, hidden)?;
        for row in places.chunks_exact_mut(hidden) {
            row.iter_mut().zip(&segment).for_each(|(place, segment)| *place += segment);
        }
        let layers = (0..shape.num_hidden_layers)
            .map(|index| Layer::load(&weights, &settings, index))
            .collect::<Result<Vec<_>, _>>()?;
        let encoder = Self {
            words: weights.table("embeddings.word_embeddings.weight", shape.vocab_size, hidden)?,
            places,
            norm: Norm::load(&weights, "embeddings.LayerNorm", hidden, shape.layer_norm_eps)?,
            layers,
            least_rows: least_rows(&[hidden, shape.intermediate_size]),
            settings,
        };
        if encoder.places.iter().any(|value| !value.is_finite()) {
            return Err(invalid(folder, "model.safetensors: a weight is not a finite number"));
        }
        Ok(encoder)
    }

    /// One unit vector per text, in order.
    ///
    /// # Panics
    /// When an id is outside the vocabulary or a text longer than the model takes; the tokenizer
    /// sees to both.
    pub fn encode(&self, texts: &[Vec<u32>], scratch: &mut Scratch) -> Vec<Vec<f32>> {
        let hidden = self.settings.shape.hidden_size;
        let tokens: usize = texts.iter().map(Vec::len).sum();
        let rows = tokens.max(self.least_rows);
        self.embed(texts, rows, &mut scratch.states);
        for layer in &self.layers {
            self.run(layer, texts, rows, scratch);
        }
        let mut rest = &scratch.states[..];
        texts
            .iter()
            .map(|text| {
                let (own, others) = rest.split_at(text.len() * hidden);
                rest = others;
                self.pool(own)
            })
            .collect()
    }

    fn embed(&self, texts: &[Vec<u32>], rows: usize, states: &mut Vec<f32>) {
        let hidden = self.settings.shape.hidden_size;
        states.clear();
        for text in texts {
            let start = states.len();
            states.extend_from_slice(&self.places[..text.len() * hidden]);
            for (id, row) in text.iter().zip(states[start..].chunks_exact_mut(hidden)) {
                self.words.add_row(*id as usize, row);
            }
        }
        states.resize(rows * hidden, 0.0);
        self.norm.apply(states);
    }

    fn run(&self, layer: &Layer, texts: &[Vec<u32>], rows: usize, scratch: &mut Scratch) {
        let Scratch { states, next, wide, context, scores } = scratch;
        layer.query_key_value.apply(states, None, wide);
        context.clear();
        context.resize(rows * self.settings.shape.hidden_size, 0.0);
        self.attend(texts, wide, context, scores);
        layer.attention.apply(context, Some(states), next);
        layer.attention_norm.apply(next);
        layer.up.apply(next, None, wide);
        gelu(wide);
        layer.down.apply(wide, Some(next), states);
        layer.norm.apply(states);
    }

    /// Attention of every text to itself, head by head. `wide` holds queries, keys and values side
    /// by side in each row.
    fn attend(&self, texts: &[Vec<u32>], wide: &[f32], context: &mut [f32], scores: &mut Vec<f32>) {
        let hidden = self.settings.shape.hidden_size;
        let heads = self.settings.shape.num_attention_heads;
        let size = hidden / heads;
        let (row, scale) = (3 * hidden, 1.0 / (size as f32).sqrt());
        let mut first = 0;
        for length in texts.iter().map(Vec::len).filter(|length| *length > 0) {
            scores.resize(length * length, 0.0);
            for head in 0..heads {
                let start = first * row + head * size;
                let queries = View { values: &wide[start..], row_step: 1, column_step: row };
                let keys = View { values: &wide[start + hidden..], row_step: row, column_step: 1 };
                let values = View { values: &wide[start + 2 * hidden..], row_step: 1, column_step: row };
                multiply(
                    (length, length, size),
                    &mut Target { values: scores, column_step: length },
                    false,
                    keys,
                    queries,
                    scale,
                );
                softmax(scores, length);
                let weights = View { values: scores, row_step: 1, column_step: length };
                let target = &mut context[first * hidden + head * size..];
                multiply(
                    (size, length, length),
                    &mut Target { values: target, column_step: hidden },
                    false,
                    values,
                    weights,
                    1.0,
                );
            }
            first += length;
        }
    }

    fn pool(&self, states: &[f32]) -> Vec<f32> {
        let hidden = self.settings.shape.hidden_size;
        let taken = match self.settings.pooling {
            Pooling::Mean => states,
            Pooling::Cls => &states[..hidden.min(states.len())],
        };
        let mut vector = vec![0.0; hidden];
        for row in taken.chunks_exact(hidden) {
            vector.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
        }
        normalise(&mut vector);
        vector
    }
}

impl Layer {
    fn load(weights: &Weights, settings: &Settings, index: usize) -> Result<Self, InferenceError> {
        let (hidden, inner) = (settings.shape.hidden_size, settings.shape.intermediate_size);
        let name = |part: &str| format!("encoder.layer.{index}.{part}");
        let norm = |part: &str| Norm::load(weights, &name(part), hidden, settings.shape.layer_norm_eps);
        let parts = ["attention.self.query", "attention.self.key", "attention.self.value"]
            .map(|part| Linear::load(weights, &name(part), hidden, hidden));
        let [query, key, value] = parts;
        Ok(Self {
            query_key_value: Linear::side_by_side([query?, key?, value?]),
            attention: Linear::load(weights, &name("attention.output.dense"), hidden, hidden)?,
            attention_norm: norm("attention.output.LayerNorm")?,
            up: Linear::load(weights, &name("intermediate.dense"), hidden, inner)?,
            down: Linear::load(weights, &name("output.dense"), inner, hidden)?,
            norm: norm("output.LayerNorm")?,
        })
    }
}

impl Linear {
    fn load(weights: &Weights, name: &str, inputs: usize, outputs: usize) -> Result<Self, InferenceError> {
        let weight = weights.transposed(&format!("{name}.weight"), outputs, inputs)?;
        Ok(Self { weight, bias: weights.tensor(&format!("{name}.bias"), &[outputs])?, inputs })
    }

    fn side_by_side(parts: [Self; 3]) -> Self {
        let inputs = parts[0].inputs;
        let line = |row: usize, part: &Self| part.weight[row * part.bias.len()..(row + 1) * part.bias.len()].to_vec();
        let weight = (0..inputs).flat_map(|row| parts.iter().flat_map(move |part| line(row, part))).collect();
        Self { weight, bias: parts.iter().flat_map(|part| part.bias.iter().copied()).collect(), inputs }
    }

    /// `output = input x weight + bias`, plus `residual` when there is one.
    fn apply(&self, input: &[f32], residual: Option<&[f32]>, output: &mut Vec<f32>) {
        let (rows, outputs) = (input.len() / self.inputs, self.bias.len());
        output.clear();
        match residual {
            Some(residual) => {
                for row in residual.chunks_exact(outputs) {
                    output.extend(row.iter().zip(&self.bias).map(|(value, bias)| value + bias));
                }
            }
            None => (0..rows).for_each(|_| output.extend_from_slice(&self.bias)),
        }
        let weight = View { values: &self.weight, row_step: 1, column_step: outputs };
        let input = View { values: input, row_step: 1, column_step: self.inputs };
        multiply(
            (outputs, rows, self.inputs),
            &mut Target { values: output, column_step: outputs },
            true,
            weight,
            input,
            1.0,
        );
    }
}

impl Norm {
    fn load(weights: &Weights, name: &str, width: usize, epsilon: f32) -> Result<Self, InferenceError> {
        let part = |new: &str, old: &str| {
            weights
                .tensor(&format!("{name}.{new}"), &[width])
                .or_else(|error| weights.tensor(&format!("{name}.{old}"), &[width]).map_err(|_| error))
        };
        Ok(Self { scale: part("weight", "gamma")?, shift: part("bias", "beta")?, epsilon })
    }

    fn apply(&self, values: &mut [f32]) {
        layer_norm(values, &self.scale, &self.shift, self.epsilon);
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
