//! The kernels' arguments, field by field as in `kernels/*.cu`, and how each kernel is started.

mod start;

use crate::cuda::numbers::Numbers;

pub(crate) use start::{Heads, Kernels, NormWeights, RotaryTables, WordTables};

/// The text of all kernels, in the order they need each other.
const TEXTS: [&str; 9] = [
    include_str!("kernels/element.cuh"),
    include_str!("kernels/embed.cu"),
    include_str!("kernels/norm.cu"),
    include_str!("kernels/rotary.cu"),
    include_str!("kernels/activation.cu"),
    include_str!("kernels/pool.cu"),
    include_str!("kernels/quantise.cu"),
    include_str!("kernels/attention.cu"),
    include_str!("kernels/tensor.cu"),
];

/// One program with all kernels.
pub(crate) fn text() -> String {
    TEXTS.concat()
}

/// What the program is compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Form {
    pub numbers: Numbers,
    pub head_dim: usize,
}

impl Form {
    /// The macros that say so.
    pub fn macros(self) -> [String; 2] {
        [format!("-DELEMENT={}", self.numbers.element()), format!("-DHEAD_DIM={}", self.head_dim)]
    }

    /// Whether attention runs on tensor cores.
    pub fn has_tensor_attention(self) -> bool {
        self.numbers != Numbers::Float && self.head_dim.is_multiple_of(16) && self.head_dim <= 128
    }

    /// Queries of an attention tile.
    pub fn tile_rows(self) -> usize {
        if self.has_tensor_attention() { 64 } else { 16 }
    }

    /// All kernels of the program.
    pub fn names(self) -> Vec<&'static str> {
        let always = [
            Embed::KERNEL,
            Norm::KERNEL,
            Turn::KERNEL,
            Gelu::KERNEL,
            Gate::KERNEL,
            Pool::KERNEL,
            Score::KERNEL,
            Quantise::KERNEL,
            Dequantise::KERNEL,
            Attend::KERNEL,
        ];
        let tensor = self.has_tensor_attention().then_some(AttendTensor::KERNEL);
        always.into_iter().chain(tensor).collect()
    }
}

/// The structure of one kernel.
///
/// # Safety
/// `repr(C)`, the same fields as in the kernel's text, and no padding.
pub(crate) unsafe trait Arguments: Copy {
    const KERNEL: &'static str;
}

macro_rules! arguments {
    ($($(#[$note:meta])* $name:ident = $kernel:literal { $($field:ident: $type:ty),+ $(,)? })+) => {$(
        $(#[$note])*
        #[repr(C)]
        #[derive(Clone, Copy, Debug)]
        pub(crate) struct $name { $(pub $field: $type),+ }

        // SAFETY: the tests compare the size with the kernel's, and the sum of the fields with it.
        unsafe impl Arguments for $name {
            const KERNEL: &'static str = $kernel;
        }

        const _: () = assert!(size_of::<$name>() == 0 $(+ size_of::<$type>())+, "an argument has padding");
    )+};
}

arguments! {
    Embed = "embed" {
        ids: u64, positions: u64, words: u64, places: u64, states: u64,
        width: i32, reach: i32, segments: i32, padding: u32,
    }
    Norm = "norm_rows" {
        states: u64, added: u64, weight: u64, shift: u64, out: u64,
        epsilon: f32, width: i32, replace: i32, padding: u32,
    }
    Turn = "turn" {
        rows: u64, positions: u64, query_weight: u64, key_weight: u64, cosines: u64, sines: u64,
        epsilon: f32, row: i32, heads: i32, kv_heads: i32, head_dim: i32, padding: u32,
    }
    Gelu = "gelu" { values: u64, count: u64 }
    Gate = "gate" { wide: u64, out: u64, width: i32, padding: u32 }
    Pool = "pool" {
        states: u64, offsets: u64, out: u64,
        width: i32, dimensions: i32, mode: i32, unit: i32,
    }
    Score = "score" { states: u64, row: u64, out: u64, bias: f32, width: i32, tanh: i32, padding: u32 }
    Quantise = "quantise" { rows: u64, out: u64, scales: u64, width: i32, padding: u32 }
    Dequantise = "dequantise" {
        sums: u64, row_scales: u64, column_scales: u64, bias: u64, out: u64,
        width: i32, padding: u32,
    }
    Attend = "attend" {
        rows: u64, tiles: u64, out: u64,
        row: i32, heads: i32, kv_heads: i32, causal: i32,
    }
    AttendTensor = "attend_tensor" {
        rows: u64, tiles: u64, out: u64,
        row: i32, heads: i32, kv_heads: i32, causal: i32,
    }
}

#[cfg(test)]
mod tests;
