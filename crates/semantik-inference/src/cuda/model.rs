//! A model on a card: the layers of one architecture, and a head.
//!
//! The result of a text does not depend on the texts beside it: kernels compute each row or each
//! text by itself, and the algorithm of a product is chosen once for all numbers of rows.

use std::path::Path;

use semantik_core::collection::Quantization;

use crate::InferenceError;
use crate::cuda::decoder::Decoder;
use crate::cuda::encoder::Encoder;
use crate::cuda::family::Family;
use crate::cuda::fault::Fault;
use crate::cuda::head::Head;
use crate::cuda::kernels::{Form, Kernels};
use crate::cuda::layer::Pass;
use crate::cuda::machine::Machine;
use crate::cuda::numbers::Numbers;
use crate::cuda::product::Tier;
use crate::cuda::scratch::Scratch;
use crate::cuda::unit::Placed;
use crate::cuda::upload::Upload;
use crate::cuda::watch::Watch;
use crate::local::model::Task;
use crate::local::settings::{Settings, invalid};
use crate::local::tokens::SECOND;
use crate::local::weights::Weights;

/// Weights on the card; shared by all lanes.
pub(crate) struct Model {
    layers: Layers,
    head: Head,
    hidden: usize,
    form: Form,
    vocabulary: usize,
    most_tokens: usize,
}

enum Layers {
    Encoder(Encoder),
    Decoder(Decoder),
}

/// The program a model needs.
pub(crate) fn form(family: Family<'_>, quantization: Quantization) -> Form {
    let head_dim = match family {
        Family::Encoder(shape) => shape.hidden_size / shape.num_attention_heads,
        Family::Decoder(shape) => shape.head_dim,
    };
    Form { numbers: Numbers::of(quantization, family), head_dim }
}

impl Model {
    /// Puts the weights of `folder` on `machine`.
    ///
    /// # Errors
    /// When the family is not supported, a tensor is missing or does not fit `settings`, and when the card's memory is full.
    pub fn load(
        machine: &dyn Machine,
        folder: &Path,
        settings: &Settings,
        quantization: Quantization,
        task: Task,
    ) -> Result<Self, InferenceError> {
        let family = Family::of(folder, settings)?;
        let form = form(family, quantization);
        let weights = Weights::open(folder)?;
        let up = Upload { machine, weights: &weights, numbers: form.numbers, quantization };
        let layers = match family {
            Family::Encoder(shape) => Layers::Encoder(Encoder::load(shape, &up)?),
            Family::Decoder(shape) => Layers::Decoder(Decoder::load(shape, settings.max_tokens, &up)?),
        };
        let head = match (task, family) {
            (Task::Embed, _) => Head::vector(settings),
            (Task::Rerank(_), Family::Encoder(shape)) => Head::classifier(shape, &up)?,
            (Task::Rerank(Some(answers)), Family::Decoder(shape)) => Head::judge(shape, &up, answers)?,
            (Task::Rerank(None), Family::Decoder(_)) => {
                return Err(invalid(folder, "tokenizer.json: it lacks the answers of a reranker"));
            }
        };
        // Other lanes use the weights; they must have arrived.
        machine.finish()?;
        let (hidden, vocabulary) = (settings.shape.hidden(), settings.shape.vocabulary());
        Ok(Self { layers, head, hidden, form, vocabulary, most_tokens: settings.max_tokens })
    }

    /// What the head makes of each text, in order.
    ///
    /// # Errors
    /// [`Fault::Memory`] when the unit is too large, and when the card fails.
    pub fn encode(
        &self,
        machine: &dyn Machine,
        texts: &[Vec<u32>],
        tier: Tier,
        scratch: &mut Scratch,
    ) -> Result<Vec<Vec<f32>>, Fault> {
        self.watched(machine, texts, tier, scratch, &mut Watch(None))
    }

    /// The same; `watch` sees the states of each stage.
    ///
    /// # Errors
    /// As [`Self::encode`].
    pub fn watched(
        &self,
        machine: &dyn Machine,
        texts: &[Vec<u32>],
        tier: Tier,
        scratch: &mut Scratch,
        watch: &mut Watch<'_>,
    ) -> Result<Vec<Vec<f32>>, Fault> {
        if texts.is_empty() {
            return Ok(Vec::new());
        }
        self.check(texts)?;
        let unit = Placed::new(machine, &mut scratch.unit, texts, self.form.tile_rows())?;
        let pass = Pass { kernels: Kernels { machine, form: self.form }, tier, tokens: unit.tokens, rows: unit.rows };
        match &self.layers {
            Layers::Encoder(encoder) => encoder.run(&pass, &unit, scratch, watch)?,
            Layers::Decoder(decoder) => decoder.run(&pass, &unit, scratch, watch)?,
        }
        self.head.apply(&pass, &unit, self.hidden, scratch)
    }
}

impl Model {
    /// The tokenizer sees to both; a card would read past the end of a table.
    fn check(&self, texts: &[Vec<u32>]) -> Result<(), Fault> {
        let known = |id: &u32| ((id & !SECOND) as usize) < self.vocabulary;
        if let Some(text) = texts.iter().find(|text| text.len() > self.most_tokens) {
            let most = self.most_tokens;
            return Err(Fault::Broken(format!("a text has {} tokens, the model takes {most}", text.len())));
        }
        match texts.iter().flatten().find(|id| !known(id)) {
            Some(id) => Err(Fault::Broken(format!("token {id} is outside the vocabulary"))),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
