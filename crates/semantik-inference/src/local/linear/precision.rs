//! The three number formats a linear layer can be packed in, and their limits.

use semantik_core::collection::Quantization;

/// How the numbers of a linear layer are held and multiplied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Precision {
    /// 32-bit floats; exact up to the rounding of one fused multiply-add per input.
    Float32,
    /// 16-bit fixed point: one scale per token and per output channel, 32-bit integer sums.
    /// The place of `float16` on processors without arithmetic for it; near-lossless.
    Float16,
    /// 8-bit: one scale per token and per output channel, 32-bit integer sums.
    Int8,
}

impl From<Quantization> for Precision {
    fn from(quantization: Quantization) -> Self {
        match quantization {
            Quantization::Float32 => Self::Float32,
            Quantization::Float16 => Self::Float16,
            Quantization::Int8 => Self::Int8,
        }
    }
}

impl Precision {
    /// Inputs that one 32-bit step of the kernel multiplies.
    pub(crate) fn group(self) -> usize {
        match self {
            Self::Float32 => 1,
            Self::Float16 => 2,
            Self::Int8 => 4,
        }
    }

    /// Steps of the kernel along a row of `inputs` numbers, the last one padded with zeros.
    pub(crate) fn steps(self, inputs: usize) -> usize {
        inputs.div_ceil(self.group())
    }
}

/// The most inputs a layer may have: 255 x 127 x 65,536 still fits the 32-bit sum.
pub(crate) const MAX_INPUTS: usize = 65_536;

/// What the 32-bit sum of the 16-bit form can hold.
pub(crate) const SUM_LIMIT: i64 = i32::MAX as i64;

/// The largest absolute value of a 16-bit activation in a layer of `inputs` inputs.
///
/// Activations and weights share the 31 bits of the sum: `limit x (sum of a channel's absolute
/// weights) <= 2^31 - 1`. With `limit^2 = 2^35 / inputs` both lose about equally much for the
/// distributions seen in encoders (13.2 bits at 384 inputs, 12.2 at 1,536).
pub(crate) fn word_limit(inputs: usize) -> i32 {
    let square = (1_u64 << 35) / inputs.max(1) as u64;
    square.isqrt().min(32_767) as i32
}

#[cfg(test)]
mod tests {
    use super::{MAX_INPUTS, word_limit};

    #[test]
    fn an_activation_has_twelve_to_fourteen_bits_at_the_usual_widths() {
        assert_eq!(word_limit(1), 32_767);
        assert_eq!(word_limit(384), 9_459);
        assert_eq!(word_limit(1_536), 4_729);
        assert!(word_limit(MAX_INPUTS) > 700);
    }
}
