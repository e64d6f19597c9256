//! A linear layer on a card, in any of the three quantizations.

use semantik_core::collection::Quantization;

use crate::cuda::fault::Fault;
use crate::cuda::kernels::Kernels;
use crate::cuda::machine::{Machine, Memory, Room, Span};
use crate::cuda::numbers::Numbers;
use crate::cuda::product::{Kind, Operands, Product, Tier};

/// What the integer kernels of cublasLt want sizes to be multiples of; 16 also keeps rows aligned.
const BYTE_STEP: usize = 16;

/// Weights `[outputs, inputs]` and what goes with them.
pub(crate) struct Layer {
    outputs: usize,
    inputs: usize,
    numbers: Numbers,
    weights: Memory,
    /// One scale per output of 8-bit weights; `None` for weights in `numbers`.
    scales: Option<Memory>,
    /// In `numbers`.
    bias: Option<Memory>,
}

/// A unit's way through the model.
pub(crate) struct Pass<'a> {
    pub kernels: Kernels<'a>,
    pub tier: Tier,
    /// Rows with something in them, and rows that products compute.
    pub tokens: usize,
    pub rows: usize,
}

/// Where 8-bit layers keep their inputs and sums.
#[derive(Default)]
pub(crate) struct ByteRooms {
    bytes: Room,
    scales: Room,
    sums: Room,
}

/// `values` in `numbers` on the machine.
///
/// # Errors
/// [`Fault::Memory`].
pub(crate) fn put(machine: &dyn Machine, numbers: Numbers, values: &[f32]) -> Result<Memory, Fault> {
    put_bytes(machine, &numbers.encode(values))
}

fn put_bytes(machine: &dyn Machine, bytes: &[u8]) -> Result<Memory, Fault> {
    let memory = machine.allocate(bytes.len())?;
    machine.upload(bytes, *memory)?;
    Ok(memory)
}

impl Layer {
    /// Puts weights and bias on the machine. A size that the integer kernels do not take leaves the
    /// layer in `numbers`.
    ///
    /// # Errors
    /// [`Fault::Memory`].
    pub fn new(
        machine: &dyn Machine,
        (numbers, quantization): (Numbers, Quantization),
        (weight, bias): (&[f32], Option<&[f32]>),
        (outputs, inputs): (usize, usize),
    ) -> Result<Self, Fault> {
        assert_eq!(weight.len(), outputs * inputs);
        let fits = outputs.is_multiple_of(BYTE_STEP) && inputs.is_multiple_of(BYTE_STEP);
        let (weights, scales) = if quantization == Quantization::Int8 && fits {
            let (bytes, scales) = quantised(weight, inputs);
            (put_bytes(machine, &bytes)?, Some(put(machine, Numbers::Float, &scales)?))
        } else {
            (put(machine, numbers, weight)?, None)
        };
        let bias = bias.map(|bias| put(machine, numbers, bias)).transpose()?;
        Ok(Self { outputs, inputs, numbers, weights, scales, bias })
    }

    /// `output = input x weights^T + bias`: from `[rows, inputs]` to `[rows, outputs]`, both in the
    /// layer's numbers.
    ///
    /// # Errors
    /// When the machine fails.
    pub fn forward(&self, pass: &Pass<'_>, input: Span, output: Span, rooms: &mut ByteRooms) -> Result<(), Fault> {
        let (rows, kernels) = (pass.rows, pass.kernels);
        let Some(scales) = &self.scales else {
            let kind = self.numbers.kind();
            let product = Product::linear(kind, kind, self.outputs, self.inputs, rows, self.bias.is_some());
            return self.multiply(pass, &product, input, output);
        };
        let machine = kernels.machine;
        let bytes = rooms.bytes.of(machine, rows * self.inputs)?;
        let row_scales = rooms.scales.of(machine, rows * 4)?;
        let sums = rooms.sums.of(machine, rows * self.outputs * 4)?;
        kernels.quantise((pass.tokens, self.inputs), input, (bytes, row_scales))?;
        let product = Product::linear(Kind::I8, Kind::I32, self.outputs, self.inputs, rows, false);
        self.multiply(pass, &product, bytes, sums)?;
        let bias = self.bias.as_deref().copied();
        kernels.dequantise((pass.tokens, self.outputs), (sums, row_scales), (**scales, bias), output)
    }

    fn multiply(&self, pass: &Pass<'_>, product: &Product, input: Span, output: Span) -> Result<(), Fault> {
        let bytes =
            |matrix: crate::cuda::product::Matrix| (matrix.rows * matrix.columns) as usize * matrix.kind.bytes();
        let operands = Operands {
            weights: self.weights.holding(bytes(product.weights)),
            input: input.holding(bytes(product.input)),
            output: output.holding(bytes(product.output)),
            bias: if product.bias { self.bias.as_ref().map_or(0, |bias| bias.holding(1)) } else { 0 },
        };
        // SAFETY: every address is of memory as large as its matrix; the bias was made for this layer.
        unsafe { pass.kernels.machine.multiply(product, operands, pass.tier) }
    }
}

/// Rows of `inputs` numbers in 8 bits, with one scale each.
fn quantised(weight: &[f32], inputs: usize) -> (Vec<u8>, Vec<f32>) {
    let mut bytes = Vec::with_capacity(weight.len());
    let scales = weight
        .chunks_exact(inputs)
        .map(|row| {
            let largest = row.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
            let factor = if largest > 1e-30 { 127.0 / largest } else { 0.0 };
            bytes.extend(row.iter().map(|value| (value * factor).round_ties_even() as i8 as u8));
            largest / 127.0
        })
        .collect();
    (bytes, scales)
}
