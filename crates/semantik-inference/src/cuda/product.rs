//! A product of matrices as cublasLt is told of it, and nothing of how it is computed.
//!
//! cublasLt thinks in columns: a matrix is `rows` x `columns`, neighbours in a column are neighbours
//! in memory, and columns begin `stride` numbers apart. Our tables lie in rows, so cublasLt sees each
//! of them turned: weights `[outputs, inputs]` are `inputs` x `outputs` to it, activations
//! `[tokens, inputs]` are `inputs` x `tokens`, and the result `[tokens, outputs]` is
//! `outputs` x `tokens`. With the weights turned back, `result = weights^T x activations` is the
//! linear layer. All integer kernels ask for just this form.

/// What the numbers of a matrix are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    F32,
    F16,
    Bf16,
    I8,
    I32,
}

impl Kind {
    /// Bytes of a number.
    pub fn bytes(self) -> usize {
        match self {
            Self::F32 | Self::I32 => 4,
            Self::F16 | Self::Bf16 => 2,
            Self::I8 => 1,
        }
    }
}

/// A matrix in columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Matrix {
    pub kind: Kind,
    pub rows: u64,
    pub columns: u64,
    /// Numbers from column to column.
    pub stride: i64,
}

/// `output = weights^T x input`, plus a number per row of the output where there is a bias.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Product {
    /// Turned before it is multiplied.
    pub weights: Matrix,
    pub input: Matrix,
    pub output: Matrix,
    /// Of the kind of the output.
    pub bias: bool,
}

/// Where the matrices of a product lie.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operands {
    pub weights: u64,
    pub input: u64,
    pub output: u64,
    /// 0 for none.
    pub bias: u64,
}

/// What the algorithm of a product is chosen for. The choice must not depend on how many texts are
/// computed together, but it may depend on what they are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Tier {
    /// Few tokens at a time.
    Queries,
    /// Many.
    Passages,
}

impl Tier {
    /// Tokens that the algorithm is chosen for.
    pub fn tokens(self) -> usize {
        match self {
            Self::Queries => 64,
            Self::Passages => 8192,
        }
    }
}

impl Product {
    /// A linear layer of `outputs` x `inputs` weights over `tokens` rows.
    pub fn linear(kind: Kind, output: Kind, outputs: usize, inputs: usize, tokens: usize, bias: bool) -> Self {
        let matrix = |kind, rows: usize, columns: usize| Matrix {
            kind,
            rows: rows as u64,
            columns: columns as u64,
            stride: rows as i64,
        };
        Self {
            weights: matrix(kind, inputs, outputs),
            input: matrix(kind, inputs, tokens),
            output: matrix(output, outputs, tokens),
            bias,
        }
    }

    /// The same layer over `tokens` rows.
    pub fn over(self, tokens: usize) -> Self {
        let columns = tokens as u64;
        Self { input: Matrix { columns, ..self.input }, output: Matrix { columns, ..self.output }, ..self }
    }
}

/// Rows that are computed for `tokens` tokens: a few sizes, so that a product is prepared for each
/// once. What the rows beyond the tokens hold is not read.
pub(crate) fn padded(tokens: usize) -> usize {
    let step = match tokens {
        0..=256 => 16,
        257..=2048 => 64,
        _ => 256,
    };
    tokens.next_multiple_of(step).max(step)
}

#[cfg(test)]
pub(crate) mod host;

#[cfg(test)]
mod tests {
    use super::{Kind, Operands, Product, host, padded};
    use crate::cuda::emulator::noise;

    #[test]
    fn a_product_told_in_columns_is_the_linear_layer_in_rows() {
        for (outputs, inputs, tokens) in [(1, 1, 1), (5, 3, 7), (8, 16, 2), (3, 20, 4)] {
            let (weights, input, bias) = (noise(1, outputs * inputs), noise(2, tokens * inputs), noise(3, outputs));
            let mut output = vec![f32::NAN; tokens * outputs];
            let operands = Operands {
                weights: weights.as_ptr().addr() as u64,
                input: input.as_ptr().addr() as u64,
                output: output.as_mut_ptr().expose_provenance() as u64,
                bias: bias.as_ptr().addr() as u64,
            };
            let product = Product::linear(Kind::F32, Kind::F32, outputs, inputs, tokens, true);
            weights.as_ptr().expose_provenance();
            input.as_ptr().expose_provenance();
            bias.as_ptr().expose_provenance();
            // SAFETY: all four are as large as the product says.
            unsafe { host::multiply(&product, operands) };
            for token in 0..tokens {
                for out in 0..outputs {
                    let expected: f64 = (0..inputs)
                        .map(|at| f64::from(weights[out * inputs + at]) * f64::from(input[token * inputs + at]))
                        .sum::<f64>()
                        + f64::from(bias[out]);
                    assert!((f64::from(output[token * outputs + out]) - expected).abs() < 1e-6);
                }
            }
        }
    }

    #[test]
    fn few_sizes_are_computed_and_none_is_too_small() {
        let sizes: std::collections::BTreeSet<usize> = (0..=16_384).map(padded).collect();
        assert!(sizes.len() < 110, "{}", sizes.len());
        assert!((0..=20_000).all(|tokens| padded(tokens) >= tokens && padded(tokens).is_multiple_of(16)));
    }
}
