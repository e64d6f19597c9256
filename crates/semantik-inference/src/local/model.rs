//! A loaded model: the layers of one architecture, and a head.
//!
//! Invariant: the result of a text is bit for bit the same whatever else is in its unit.

use std::cell::Cell;
use std::path::Path;

use crate::InferenceError;
use crate::local::decoder::Decoder;
use crate::local::encoder::Encoder;
use crate::local::gated::Gated;
use crate::local::head::{Answers, Head};
use crate::local::isa::Isa;
use crate::local::linear::Precision;
use crate::local::loader::Loader;
use crate::local::modern::Modern;
use crate::local::packed::{PackedPlace, Sections};
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
    Modern(Box<Modern>),
    Gated(Gated),
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
    /// Loads the weights of `folder`, packed for this machine. With their `hash` the packed layers
    /// are kept beside them, and the next load maps those.
    ///
    /// # Errors
    /// When a tensor is missing or does not fit `settings`.
    pub fn load(
        folder: &Path,
        settings: &Settings,
        precision: Precision,
        task: Task,
        hash: Option<&str>,
    ) -> Result<Self, InferenceError> {
        let (weights, isa) = (Weights::open(folder)?, Isa::detect());
        let build = |sections: &Sections| {
            let load = Loader { weights: &weights, precision, isa, bytes: &Cell::new(0), sections };
            Self::build(folder, settings, task, &load)
        };
        let Some(hash) = hash else { return build(&Sections::Absent) };
        let purpose = match task {
            Task::Embed => "embed",
            Task::Rerank(_) => "rerank",
        };
        let name = format!("{precision:?}-{isa}-{purpose}").to_lowercase();
        let place = PackedPlace::new(folder, &name, format!("{name} {hash} {}", settings.variant));
        if let Some(file) = place.open() {
            return build(&Sections::Found(file));
        }
        let sections = place.create();
        let model = build(&sections)?;
        // Once written, the map takes the place of the memory of our own.
        place.finish(sections).map_or(Ok(model), |file| build(&Sections::Found(file)))
    }

    fn build(folder: &Path, settings: &Settings, task: Task, load: &Loader<'_>) -> Result<Self, InferenceError> {
        let layers = match &settings.shape {
            Shape::Encoder(shape) => Layers::Encoder(Encoder::load(shape, load)?),
            Shape::Modern(shape) => Layers::Modern(Box::new(Modern::load(shape, settings.max_tokens, load)?)),
            Shape::Gated(shape) => Layers::Gated(Gated::load(shape, settings.max_tokens, load)?),
            Shape::Decoder(shape) => Layers::Decoder(Decoder::load(shape, settings.max_tokens, load)?),
        };
        let head = match (task, &settings.shape) {
            (Task::Embed, _) => Head::vector(settings),
            (Task::Rerank(_), Shape::Modern(shape)) => Head::modern_classifier(shape, load)?,
            (Task::Rerank(_), Shape::Gated(shape)) if shape.is_nomic() => {
                return Err(invalid(folder, "rerankers of this family are not supported"));
            }
            (Task::Rerank(_), shape @ (Shape::Encoder(_) | Shape::Gated(_))) => Head::classifier(shape, load)?,
            (Task::Rerank(Some(answers)), Shape::Decoder(shape)) => Head::judge(shape, load, answers)?,
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
            Layers::Modern(encoder) => encoder.run(texts, scratch, watch),
            Layers::Gated(encoder) => encoder.run(texts, scratch, watch),
            Layers::Decoder(decoder) => decoder.run(texts, scratch, watch),
        }
    }
}

#[cfg(test)]
mod tests;
