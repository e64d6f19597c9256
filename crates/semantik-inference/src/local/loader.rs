//! From tensors to packed layers and norms, for every architecture alike.

use std::cell::Cell;

use crate::InferenceError;
use crate::local::isa::Isa;
use crate::local::linear::{Linear, Precision, bytes_of};
use crate::local::ops::norm::{Kind, Norm};
use crate::local::packed::Sections;
use crate::local::weights::Weights;

/// What loading a layer needs.
pub(crate) struct Loader<'a> {
    pub weights: &'a Weights,
    pub precision: Precision,
    pub isa: Isa,
    /// Bytes of the layers so far.
    pub bytes: &'a Cell<usize>,
    /// Where what is made here is taken from, or written to.
    pub sections: &'a Sections,
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
        let names = parts.iter().map(|part| &part.name[..]).collect::<Vec<_>>().join("+");
        self.layer(&names, outputs, inputs, || {
            let (mut weight, mut shift) = (Vec::with_capacity(outputs * inputs), Vec::new());
            for Part { name, outputs, factor } in parts {
                let scaled = |value: f32| (f64::from(value) * factor) as f32;
                let rows = self.weights.tensor(&format!("{name}.weight"), &[*outputs, inputs])?;
                weight.extend(rows.into_iter().map(scaled));
                if bias {
                    shift.extend(self.weights.tensor(&format!("{name}.bias"), &[*outputs])?.into_iter().map(scaled));
                }
            }
            Ok((weight, bias.then_some(shift)))
        })
    }

    /// One layer that the file has for several: `parts` are its rows in order, each with the factor
    /// of its weights and biases.
    ///
    /// # Errors
    /// As [`Self::linear`].
    pub fn fused(
        &self,
        name: &str,
        parts: &[(usize, f64)],
        inputs: usize,
        bias: bool,
    ) -> Result<Linear, InferenceError> {
        let outputs = parts.iter().map(|(outputs, _)| outputs).sum();
        let scale = |mut values: Vec<f32>, width: usize| {
            let mut rest = &mut values[..];
            for (rows, factor) in parts {
                let (part, after) = rest.split_at_mut(rows * width);
                part.iter_mut().for_each(|value| *value = (f64::from(*value) * factor) as f32);
                rest = after;
            }
            values
        };
        self.layer(name, outputs, inputs, || {
            let weight = self.weights.tensor(&format!("{name}.weight"), &[outputs, inputs])?;
            let shift = if bias { Some(self.weights.tensor(&format!("{name}.bias"), &[outputs])?) } else { None };
            Ok((scale(weight, inputs), shift.map(|shift| scale(shift, 1))))
        })
    }

    /// A layer without bias whose second half of rows comes first.
    ///
    /// # Errors
    /// As [`Self::linear`].
    pub fn swapped(&self, name: &str, outputs: usize, inputs: usize) -> Result<Linear, InferenceError> {
        self.layer(name, outputs, inputs, || {
            let mut weight = self.weights.tensor(&format!("{name}.weight"), &[outputs, inputs])?;
            weight.rotate_left(outputs / 2 * inputs);
            Ok((weight, None))
        })
    }

    /// A layer that was packed before, or is packed now from the weights and the bias that `make` gives.
    fn layer(
        &self,
        name: &str,
        outputs: usize,
        inputs: usize,
        make: impl FnOnce() -> Result<(Vec<f32>, Option<Vec<f32>>), InferenceError>,
    ) -> Result<Linear, InferenceError> {
        let packed = self.sections.lines(name);
        let found = packed.and_then(|lines| Linear::from_lines(lines, outputs, inputs, self.precision, self.isa));
        let layer = match found {
            Some(layer) => layer,
            None => {
                let (weight, shift) = make()?;
                let layer = Linear::pack(&weight, shift.as_deref(), outputs, inputs, self.precision, self.isa);
                self.sections.keep(name, layer.as_bytes());
                layer
            }
        };
        self.bytes.set(self.bytes.get() + layer.bytes());
        Ok(layer)
    }

    /// Numbers that are made of tensors.
    ///
    /// # Errors
    /// What `make` says.
    pub fn numbers(
        &self,
        name: &str,
        make: impl FnOnce() -> Result<Vec<f32>, InferenceError>,
    ) -> Result<Vec<f32>, InferenceError> {
        if let Some(numbers) = self.sections.numbers(name) {
            return Ok(numbers);
        }
        let numbers = make()?;
        self.sections.keep(name, bytes_of(&numbers));
        Ok(numbers)
    }

    /// A layer norm that may lack the bias.
    ///
    /// # Errors
    /// As [`Self::linear`].
    pub fn norm(&self, name: &str, width: usize, epsilon: f32, bias: bool) -> Result<NormWeights, InferenceError> {
        if bias {
            return self.layer_norm(name, width, epsilon);
        }
        let scale = self.weights.tensor(&format!("{name}.weight"), &[width])?;
        Ok(NormWeights { scale, shift: Some(Vec::new()), epsilon })
    }

    /// A layer norm, under its newer or its older names.
    ///
    /// # Errors
    /// As [`Self::linear`].
    pub fn layer_norm(&self, name: &str, width: usize, epsilon: f32) -> Result<NormWeights, InferenceError> {
        let part = |new: &str, old: &str| {
            let tensor = |part: &str| self.weights.tensor(&format!("{name}.{part}"), &[width]);
            self.numbers(&format!("{name}.{new}"), || tensor(new).or_else(|error| tensor(old).map_err(|_| error)))
        };
        Ok(NormWeights { scale: part("weight", "gamma")?, shift: Some(part("bias", "beta")?), epsilon })
    }

    /// A norm by the root mean square whose result is multiplied by `factor`.
    ///
    /// # Errors
    /// As [`Self::linear`].
    pub fn rms_norm(&self, name: &str, width: usize, epsilon: f32, factor: f64) -> Result<NormWeights, InferenceError> {
        let name = format!("{name}.weight");
        let scaled = |value: f32| (f64::from(value) * factor) as f32;
        let make = || Ok(self.weights.tensor(&name, &[width])?.into_iter().map(scaled).collect());
        let scale = self.numbers(&name, make)?;
        Ok(NormWeights { scale, shift: None, epsilon })
    }
}

impl NormWeights {
    /// A layer norm without weights of its own.
    pub fn plain(width: usize, epsilon: f32) -> Self {
        Self { scale: vec![1.0; width], shift: Some(Vec::new()), epsilon }
    }

    /// The kernel over these numbers.
    pub fn view(&self) -> Norm<'_> {
        let kind = self.shift.as_ref().map_or(Kind::Rms, |bias| Kind::Layer { bias });
        Norm { kind, weight: &self.scale, epsilon: self.epsilon }
    }
}
