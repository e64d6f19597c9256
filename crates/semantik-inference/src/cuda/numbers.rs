//! What activations are held in on a card.

use half::{bf16, f16};
use semantik_core::collection::Quantization;

use crate::cuda::family::Family;
use crate::cuda::product::Kind;

/// A number format of activations, and of weights that are not 8-bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Numbers {
    Float,
    /// Eleven bits, numbers up to 65,504.
    Half,
    /// Eight bits, numbers as large as floats.
    Brain,
}

impl Numbers {
    /// Encoders keep their states small by a norm after each part, so the finer half fits. The states
    /// of decoders grow from layer to layer, some beyond what a half holds; they are trained and
    /// published in bfloat16, so that their weights lose nothing.
    pub fn of(quantization: Quantization, family: Family<'_>) -> Self {
        match (quantization, family) {
            (Quantization::Float32, _) => Self::Float,
            (Quantization::Float16 | Quantization::Int8, Family::Encoder(_)) => Self::Half,
            (Quantization::Float16 | Quantization::Int8, Family::Decoder(_)) => Self::Brain,
        }
    }

    pub fn kind(self) -> Kind {
        match self {
            Self::Float => Kind::F32,
            Self::Half => Kind::F16,
            Self::Brain => Kind::Bf16,
        }
    }

    pub fn bytes(self) -> usize {
        self.kind().bytes()
    }

    /// The value of `ELEMENT` that kernels are compiled with.
    pub fn element(self) -> u32 {
        match self {
            Self::Float => 0,
            Self::Half => 1,
            Self::Brain => 2,
        }
    }

    /// `values` in this format, as bytes.
    pub fn encode(self, values: &[f32]) -> Vec<u8> {
        match self {
            Self::Float => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            Self::Half => values.iter().flat_map(|value| f16::from_f32(*value).to_le_bytes()).collect(),
            Self::Brain => values.iter().flat_map(|value| bf16::from_f32(*value).to_le_bytes()).collect(),
        }
    }
}
