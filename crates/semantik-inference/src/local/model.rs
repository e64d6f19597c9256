//! A loaded model: the layers of one architecture, and a head.
//!
//! Invariant: the result of a text is bit for bit the same whatever else is in its unit.

use std::cell::Cell;
use std::path::Path;

use crate::InferenceError;
use crate::local::decoder::Decoder;
use crate::local::encoder::Encoder;
use crate::local::head::{Answers, Head};
use crate::local::isa::Isa;
use crate::local::linear::Precision;
use crate::local::loader::Loader;
use crate::local::scratch::Scratch;
use crate::local::settings::{Settings, Shape, invalid};
use crate::local::weights::Weights;

/// Weights ready to use; shared by all workers.
pub(crate) struct Model {
    layers: Layers,
    head: Head,
    hidden: usize,
    isa: Isa,
    /// Numbers a token needs beside its state, at the widest.
    width: usize,
    bytes: usize,
}

enum Layers {
    Encoder(Encoder),
    Decoder(Decoder),
}

/// What a model is loaded for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Task {
    Embed,
    /// Decoders need the answers they choose from.
    Rerank(Option<Answers>),
}

impl Model {
    /// Loads the weights of `folder` and packs them for this machine.
    ///
    /// # Errors
    /// When a tensor is missing or does not fit `settings`.
    pub fn load(folder: &Path, settings: &Settings, precision: Precision, task: Task) -> Result<Self, InferenceError> {
        let weights = Weights::open(folder)?;
        let load = Loader { weights: &weights, precision, isa: Isa::detect(), bytes: Cell::new(0) };
        let layers = match &settings.shape {
            Shape::Encoder(shape) => Layers::Encoder(Encoder::load(folder, shape, &load)?),
            Shape::Decoder(shape) => Layers::Decoder(Decoder::load(shape, settings.max_tokens, &load)?),
        };
        let head = match (task, &settings.shape) {
            (Task::Embed, _) => Head::vector(settings),
            (Task::Rerank(_), Shape::Encoder(shape)) => Head::classifier(shape, &load)?,
            (Task::Rerank(Some(answers)), Shape::Decoder(shape)) => Head::judge(shape, &load, answers)?,
            (Task::Rerank(None), Shape::Decoder(_)) => {
                return Err(invalid(folder, "tokenizer.json: it lacks the answers of a reranker"));
            }
        };
        let (hidden, width) = (settings.shape.hidden(), settings.shape.widest());
        Ok(Self { layers, head, hidden, isa: load.isa, width, bytes: load.bytes.get() })
    }

    /// Bytes of the packed layers; tables stay in the map.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// About how many bytes a worker's buffers take for a batch of `tokens`.
    pub fn scratch_bytes(&self, tokens: usize) -> usize {
        tokens * (4 * self.hidden + 2 * self.width) * size_of::<f32>()
    }

    /// What the head makes of each text, in order. Calls `between` before every layer, when the
    /// core may do something else for a while.
    ///
    /// # Panics
    /// When an id is outside the vocabulary or a text longer than the model takes; the tokenizer
    /// sees to both.
    pub fn encode(&self, texts: &[Vec<u32>], scratch: &mut Scratch, between: &mut dyn FnMut()) -> Vec<Vec<f32>> {
        self.run(texts, scratch, &mut |_| between());
        self.head.apply(self.isa, self.hidden, scratch)
    }

    /// Fills `scratch.states`; `watch` sees the states of each stage.
    fn run(&self, texts: &[Vec<u32>], scratch: &mut Scratch, watch: &mut dyn FnMut(&[f32])) {
        match &self.layers {
            Layers::Encoder(encoder) => encoder.run(texts, scratch, watch),
            Layers::Decoder(decoder) => decoder.run(texts, scratch, watch),
        }
    }
}

#[cfg(test)]
mod tests;
