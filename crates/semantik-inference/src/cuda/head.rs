//! What is made of the states of a text on a card: a vector, or how relevant a passage is.
//!
//! The heads of rerankers are small and decide alone, so they are in 32-bit floats in every
//! quantization.

use semantik_core::collection::Quantization;

use crate::InferenceError;
use crate::cuda::fault::Fault;
use crate::cuda::layer::{Layer, Pass};
use crate::cuda::machine::Memory;
use crate::cuda::numbers::Numbers;
use crate::cuda::product::padded;
use crate::cuda::scratch::Scratch;
use crate::cuda::unit::Placed;
use crate::cuda::upload::Upload;
use crate::cuda::watch::floats;
use crate::local::head::Answers;
use crate::local::ops::pooling::Pooling;
use crate::local::settings::{DecoderShape, EncoderShape, Settings};

/// The last part of a model.
pub(crate) enum Head {
    /// Pooled, cut to so many numbers, of length 1.
    Vector { pooling: Pooling, dimensions: usize },
    /// The chance that the first token's state stands for "relevant".
    Classifier { dense: Layer, row: Memory, bias: f32 },
    /// The chance that "yes" follows the last token, among "yes" and "no".
    Judge { row: Memory },
}

impl Head {
    /// The head of an embedder.
    pub fn vector(settings: &Settings) -> Self {
        Self::Vector { pooling: settings.pooling, dimensions: settings.dimensions }
    }

    /// The head of BERT's or RoBERTa's sequence classification with one label.
    ///
    /// # Errors
    /// When a tensor is missing, there are more labels, or the card's memory is full.
    pub fn classifier(shape: &EncoderShape, up: &Upload<'_>) -> Result<Self, InferenceError> {
        let (whole, hidden) = (up.weights.root(), shape.hidden_size);
        let (weights, dense, row) = if shape.is_roberta() {
            (&whole, "classifier.dense", "classifier.out_proj")
        } else {
            (up.weights, "pooler.dense", "classifier")
        };
        let exact = Upload { weights, numbers: Numbers::Float, quantization: Quantization::Float32, ..*up };
        Ok(Self::Classifier {
            dense: exact.linear(dense, hidden, hidden, true)?,
            row: up.floats(&whole.tensor(&format!("{row}.weight"), &[1, hidden])?)?,
            bias: whole.tensor(&format!("{row}.bias"), &[1])?[0],
        })
    }

    /// The head of a decoder that answers yes or no.
    ///
    /// # Errors
    /// As [`Self::classifier`], and when the answers are outside the vocabulary.
    pub fn judge(shape: &DecoderShape, up: &Upload<'_>, answers: Answers) -> Result<Self, InferenceError> {
        let (rows, hidden) = (shape.vocab_size, shape.hidden_size);
        let table = if shape.tie_word_embeddings {
            up.weights.table("embed_tokens.weight", rows, hidden)?
        } else {
            up.weights.root().table("lm_head.weight", rows, hidden)?
        };
        let (mut yes, mut no) = (vec![0.0; hidden], vec![0.0; hidden]);
        table.add_row(answers.yes as usize, &mut yes);
        table.add_row(answers.no as usize, &mut no);
        let row: Vec<f32> = yes.iter().zip(no).map(|(yes, no)| yes - no).collect();
        Ok(Self::Judge { row: up.floats(&row)? })
    }

    /// One result per text of the states in `scratch`: a vector, or one number between 0 and 1.
    ///
    /// # Errors
    /// When the machine fails.
    pub fn apply(
        &self,
        pass: &Pass<'_>,
        unit: &Placed,
        hidden: usize,
        scratch: &mut Scratch,
    ) -> Result<Vec<Vec<f32>>, Fault> {
        let (kernels, machine) = (pass.kernels, pass.kernels.machine);
        let (rows, states) = (padded(unit.texts), scratch.states.of(machine, unit.tokens * hidden * 4)?);
        let pooled = scratch.pooled.of(machine, rows * hidden * 4)?;
        let scores = scratch.heads.of(machine, rows * (hidden + 1) * 4)?;
        let (dense_out, out) = (scores.part(0, rows * hidden * 4), scores.part(rows * hidden * 4, rows * 4));
        let size = (unit.texts, hidden);
        match self {
            Self::Vector { pooling, dimensions } => {
                kernels.pool(unit, *pooling, (states, hidden), (pooled, *dimensions), true)?;
                let vectors = floats(machine, pooled, unit.texts * dimensions)?;
                return Ok(vectors.chunks_exact(*dimensions).map(<[f32]>::to_vec).collect());
            }
            Self::Classifier { dense, row, bias } => {
                kernels.pool(unit, Pooling::Cls, (states, hidden), (pooled, hidden), false)?;
                let pass = Pass { rows, tokens: unit.texts, ..*pass };
                dense.forward(&pass, pooled, dense_out, &mut scratch.rooms)?;
                kernels.score(size, dense_out, (**row, *bias, true), out)?;
            }
            Self::Judge { row } => {
                kernels.pool(unit, Pooling::Last, (states, hidden), (pooled, hidden), false)?;
                kernels.score(size, pooled, (**row, 0.0, false), out)?;
            }
        }
        Ok(floats(machine, out, unit.texts)?.into_iter().map(|score| vec![score]).collect())
    }
}
