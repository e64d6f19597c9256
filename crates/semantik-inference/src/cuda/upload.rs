//! From the tensors of a model folder to layers and norms on a card.

use semantik_core::collection::Quantization;

use crate::InferenceError;
use crate::cuda::fault::Fault;
use crate::cuda::kernels::NormWeights;
use crate::cuda::layer::{Layer, put};
use crate::cuda::machine::{Machine, Memory};
use crate::cuda::numbers::Numbers;
use crate::local::weights::Weights;

/// What loading a layer needs.
pub(crate) struct Upload<'a> {
    pub machine: &'a dyn Machine,
    pub weights: &'a Weights,
    pub numbers: Numbers,
    pub quantization: Quantization,
}

impl Upload<'_> {
    /// `name.weight`, and `name.bias` where there is a bias.
    ///
    /// # Errors
    /// When a tensor is missing or has another shape, and when the machine's memory is full.
    pub fn linear(&self, name: &str, outputs: usize, inputs: usize, bias: bool) -> Result<Layer, InferenceError> {
        self.joined(&[(name.to_owned(), outputs, 1.0)], inputs, bias)
    }

    /// Layers with the same input as one: the name, the outputs, and what weights and bias are
    /// multiplied by, of each.
    ///
    /// # Errors
    /// As [`Self::linear`].
    pub fn joined(&self, parts: &[(String, usize, f64)], inputs: usize, bias: bool) -> Result<Layer, InferenceError> {
        let (mut weight, mut shift) = (Vec::new(), Vec::new());
        let outputs = parts.iter().map(|(_, outputs, _)| outputs).sum();
        for (name, outputs, factor) in parts {
            let scaled = |value: f32| (f64::from(value) * factor) as f32;
            let rows = self.weights.tensor(&format!("{name}.weight"), &[*outputs, inputs])?;
            weight.extend(rows.into_iter().map(scaled));
            if bias {
                shift.extend(self.weights.tensor(&format!("{name}.bias"), &[*outputs])?.into_iter().map(scaled));
            }
        }
        let bias = bias.then_some(&shift[..]);
        Ok(Layer::new(self.machine, (self.numbers, self.quantization), (&weight, bias), (outputs, inputs))?)
    }

    /// A layer norm, under its newer or its older names.
    ///
    /// # Errors
    /// As [`Self::linear`].
    pub fn layer_norm(&self, name: &str, width: usize, epsilon: f32) -> Result<NormWeights, InferenceError> {
        let part = |new: &str, old: &str| {
            self.weights
                .tensor(&format!("{name}.{new}"), &[width])
                .or_else(|error| self.weights.tensor(&format!("{name}.{old}"), &[width]).map_err(|_| error))
        };
        let (weight, shift) = (part("weight", "gamma")?, part("bias", "beta")?);
        Ok(NormWeights { weight: self.floats(&weight)?, shift: Some(self.floats(&shift)?), epsilon })
    }

    /// A norm by the root mean square whose result is multiplied by `factor`.
    ///
    /// # Errors
    /// As [`Self::linear`].
    pub fn rms_norm(&self, name: &str, width: usize, epsilon: f32, factor: f64) -> Result<NormWeights, InferenceError> {
        let weight = self.weights.tensor(&format!("{name}.weight"), &[width])?;
        let scaled: Vec<f32> = weight.into_iter().map(|value| (f64::from(value) * factor) as f32).collect();
        Ok(NormWeights { weight: self.floats(&scaled)?, shift: None, epsilon })
    }

    /// The table of words, in the model's numbers.
    ///
    /// # Errors
    /// As [`Self::linear`].
    pub fn words(&self, name: &str, rows: usize, width: usize) -> Result<Memory, InferenceError> {
        Ok(put(self.machine, self.numbers, &self.weights.tensor(name, &[rows, width])?)?)
    }

    /// `values` as floats.
    ///
    /// # Errors
    /// [`Fault::Memory`].
    pub fn floats(&self, values: &[f32]) -> Result<Memory, Fault> {
        put(self.machine, Numbers::Float, values)
    }
}
