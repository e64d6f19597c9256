//! What is made of the states of a text: a vector, or how relevant a passage is.
//!
//! The heads of rerankers are small and decide alone, so they are in 32-bit floats in every
//! precision.

use crate::InferenceError;
use crate::local::isa::Isa;
use crate::local::linear::{Activation, Finish, Linear, Precision};
use crate::local::loader::{Loader, NormWeights};
use crate::local::ops::pooling::{Pooling, normalise};
use crate::local::scratch::Scratch;
use crate::local::settings::{DecoderShape, ModernShape, Settings, Shape};

/// The last part of a model.
pub(crate) enum Head {
    /// Pooled, cut to so many numbers, of length 1; some models are normed before the cut.
    Vector { pooling: Pooling, dimensions: usize, norm: Option<NormWeights> },
    /// The chance that a pooled state stands for "relevant".
    Classifier { pooling: Pooling, dense: Linear, middle: Middle, row: Vec<f32>, bias: f32 },
    /// The chance that "yes" follows the last token, among "yes" and "no".
    Judge { row: Vec<f32> },
}

/// What lies between the two products of a classifier.
pub(crate) enum Middle {
    Tanh,
    /// GELU and a norm.
    Normed(NormWeights),
}

/// What the reference divides the variance with, where it norms before a cut.
const CUT_EPSILON: f32 = 1e-5;

/// The tokens that a judge answers with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answers {
    pub yes: u32,
    pub no: u32,
}

impl Head {
    /// The head of an embedder.
    pub fn vector(settings: &Settings) -> Self {
        let Settings { pooling, dimensions, ref shape, .. } = *settings;
        let cut = matches!(shape, Shape::Gated(shape) if shape.is_nomic()) && dimensions < shape.hidden();
        let norm = cut.then(|| NormWeights::plain(shape.hidden(), CUT_EPSILON));
        Self::Vector { pooling, dimensions, norm }
    }

    /// The head of BERT's, RoBERTa's or GTE's sequence classification with one label.
    ///
    /// # Errors
    /// When a tensor is missing or there are more labels.
    pub fn classifier(shape: &Shape, load: &Loader<'_>) -> Result<Self, InferenceError> {
        let (whole, hidden) = (load.weights.root(), shape.hidden());
        let (dense, row) = match shape {
            Shape::Encoder(shape) if shape.is_roberta() => ((&whole, "classifier.dense"), "classifier.out_proj"),
            _ => ((load.weights, "pooler.dense"), "classifier"),
        };
        let exact = Loader { weights: dense.0, precision: Precision::Float32, ..*load };
        Ok(Self::Classifier {
            pooling: Pooling::Cls,
            dense: exact.linear(dense.1, hidden, hidden, true)?,
            middle: Middle::Tanh,
            row: whole.tensor(&format!("{row}.weight"), &[1, hidden])?,
            bias: whole.tensor(&format!("{row}.bias"), &[1])?[0],
        })
    }

    /// The head of ModernBERT's sequence classification with one label.
    ///
    /// # Errors
    /// As [`Self::classifier`].
    pub fn modern_classifier(shape: &ModernShape, load: &Loader<'_>) -> Result<Self, InferenceError> {
        let (whole, hidden) = (load.weights.root(), shape.hidden_size);
        let exact = Loader { weights: &whole, precision: Precision::Float32, ..*load };
        Ok(Self::Classifier {
            pooling: if shape.classifies_mean() { Pooling::Mean } else { Pooling::Cls },
            dense: exact.linear("head.dense", hidden, hidden, shape.classifier_bias)?,
            middle: Middle::Normed(exact.norm("head.norm", hidden, shape.norm_eps, shape.norm_bias)?),
            row: whole.tensor("classifier.weight", &[1, hidden])?,
            bias: whole.tensor("classifier.bias", &[1])?[0],
        })
    }

    /// The head of a decoder that answers yes or no.
    ///
    /// # Errors
    /// When a tensor is missing or the answers are outside the vocabulary.
    pub fn judge(shape: &DecoderShape, load: &Loader<'_>, answers: Answers) -> Result<Self, InferenceError> {
        let (rows, hidden) = (shape.vocab_size, shape.hidden_size);
        let table = if shape.tie_word_embeddings {
            load.weights.table("embed_tokens.weight", rows, hidden)?
        } else {
            load.weights.root().table("lm_head.weight", rows, hidden)?
        };
        let (mut yes, mut no) = (vec![0.0; hidden], vec![0.0; hidden]);
        table.add_row(answers.yes as usize, &mut yes);
        table.add_row(answers.no as usize, &mut no);
        Ok(Self::Judge { row: yes.iter().zip(no).map(|(yes, no)| yes - no).collect() })
    }

    /// One result per text of the states in `scratch`: a vector, or one number between 0 and 1.
    pub fn apply(&self, isa: Isa, hidden: usize, scratch: &mut Scratch) -> Vec<Vec<f32>> {
        let Scratch { hands, states, next, inner, offsets, .. } = scratch;
        let texts = offsets.len() - 1;
        let mut pool = |pooling: Pooling| {
            next.resize(texts * hidden, 0.0);
            pooling.apply(isa, states, hidden, offsets, next);
        };
        match self {
            Self::Vector { pooling, dimensions, norm } => {
                pool(*pooling);
                if let Some(norm) = norm {
                    norm.view().after(isa, next, &[]);
                }
                let mut vectors: Vec<f32> =
                    next.chunks_exact(hidden).flat_map(|state| &state[..*dimensions]).copied().collect();
                normalise(isa, &mut vectors, *dimensions);
                vectors.chunks_exact(*dimensions).map(<[f32]>::to_vec).collect()
            }
            Self::Classifier { pooling, dense, middle, row, bias } => {
                pool(*pooling);
                match middle {
                    Middle::Tanh => {
                        hands.product(dense, next, texts, Finish::Store(Activation::None), inner);
                        inner.iter_mut().for_each(|value| *value = value.tanh());
                    }
                    Middle::Normed(norm) => {
                        hands.product(dense, next, texts, Finish::Store(Activation::Gelu), inner);
                        norm.view().after(isa, inner, &[]);
                    }
                }
                scores(inner, row, f64::from(*bias))
            }
            Self::Judge { row } => {
                pool(Pooling::Last);
                scores(next, row, 0.0)
            }
        }
    }
}

/// The sigmoid of each state's product with `row`; for two answers that is their softmax, when
/// `row` is the difference of theirs.
fn scores(states: &[f32], row: &[f32], bias: f64) -> Vec<Vec<f32>> {
    let product = |state: &[f32]| state.iter().zip(row).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    states.chunks_exact(row.len()).map(|state| vec![(1.0 / (1.0 + (-product(state) - bias).exp())) as f32]).collect()
}
