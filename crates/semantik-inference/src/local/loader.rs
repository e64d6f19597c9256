//! From tensors to packed layers and norms, for every architecture alike.

use std::cell::Cell;

use crate::InferenceError;
use crate::local::isa::Isa;
use crate::local::linear::{Linear, Precision};
use crate::local::ops::norm::{Kind, Norm};
use crate::local::weights::Weights;

/// What loading a layer needs.
pub(crate) struct Loader<'a> {
    pub weights: &'a Weights,
    pub precision: Precision,
    pub isa: Isa,
    /// Bytes packed so far.
    pub bytes: Cell<usize>,
}

/// A layer's rows in a product of several layers with the same input.
pub(crate) struct Part {
    pub name: String,
    pub outputs: usize,
    /// What weights and bias are multiplied by.
    pub factor: f64,
}

/// The numbers of a norm.
pub(crate) struct NormWeights {
    scale: Vec<f32>,
    /// `None` for a norm by the root mean square.
    shift: Option<Vec<f32>>,
    epsilon: f32,
}

impl Loader<'_> {
    /// `name.weight`, and `name.bias` where there is a bias.
    ///
    /// # Errors
    /// When a tensor is missing or has another shape.
    pub fn linear(&self, name: &str, outputs: usize, inputs: usize, bias: bool) -> Result<Linear, InferenceError> {
        self.joined(&[Part { name: name.to_owned(), outputs, factor: 1.0 }], inputs, bias)
    }

    /// Layers with the same input, as one.
    ///
    /// # Errors
    /// As [`Self::linear`].
    pub fn joined(&self, parts: &[Part], inputs: usize, bias: bool) -> Result<Linear, InferenceError> {
        let outputs = parts.iter().map(|part| part.outputs).sum();
        let (mut weight, mut shift) = (Vec::with_capacity(outputs * inputs), Vec::new());
        for Part { name, outputs, factor } in parts {
            let scaled = |value: f32| (f64::from(value) * factor) as f32;
            let rows = self.weights.tensor(&format!("{name}.weight"), &[*outputs, inputs])?;
            weight.extend(rows.into_iter().map(scaled));
            if bias {
                shift.extend(self.weights.tensor(&format!("{name}.bias"), &[*outputs])?.into_iter().map(scaled));
            }
        }
        let layer = Linear::pack(&weight, bias.then_some(&shift[..]), outputs, inputs, self.precision, self.isa);
        self.bytes.set(self.bytes.get() + layer.bytes());
        Ok(layer)
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
        Ok(NormWeights { scale: part("weight", "gamma")?, shift: Some(part("bias", "beta")?), epsilon })
    }

    /// A norm by the root mean square whose result is multiplied by `factor`.
    ///
    /// # Errors
    /// As [`Self::linear`].
    pub fn rms_norm(&self, name: &str, width: usize, epsilon: f32, factor: f64) -> Result<NormWeights, InferenceError> {
        let weight = self.weights.tensor(&format!("{name}.weight"), &[width])?;
        let scale = weight.into_iter().map(|value| (f64::from(value) * factor) as f32).collect();
        Ok(NormWeights { scale, shift: None, epsilon })
    }
}

impl NormWeights {
    /// The kernel over these numbers.
    pub fn view(&self) -> Norm<'_> {
        let kind = self.shift.as_ref().map_or(Kind::Rms, |bias| Kind::Layer { bias });
        Norm { kind, weight: &self.scale, epsilon: self.epsilon }
    }
}
