//! The activations in the form a linear layer's precision wants, in memory that is used again.
//!
//! Floats are taken as they are. The other precisions get one scale per row from that row's
//! largest absolute value alone, so a row is quantised the same whatever is beside it. Quantising
//! is plain Rust that the compiler makes vectors of, without fused steps: every instruction set
//! gives the same numbers.

use crate::local::isa::{Isa, Kernel};
use crate::local::linear::line::{LINE, Line, view, view_mut};
use crate::local::linear::pack::byte_zero_point;
use crate::local::linear::precision::{MAX_INPUTS, Precision, word_limit};
use crate::local::simd::Simd;

/// Scratch for activations; keep one per thread.
pub(crate) struct Rows {
    isa: Isa,
    lines: Vec<Line>,
    scales: Vec<f32>,
}

/// Rows that are ready to be multiplied; several threads may share them.
#[derive(Clone, Copy)]
pub(crate) struct Prepared<'a> {
    pub(crate) bytes: &'a [u8],
    /// Bytes from one row to the next.
    pub(crate) stride: usize,
    /// One per row; empty for float32.
    pub(crate) scales: &'a [f32],
    pub(crate) rows: usize,
    pub(crate) inputs: usize,
    pub(crate) precision: Precision,
    pub(crate) isa: Isa,
}

impl Rows {
    /// Empty scratch; grows to the largest input it meets.
    pub(crate) fn new(isa: Isa) -> Self {
        Self { isa, lines: Vec::new(), scales: Vec::new() }
    }

    /// Makes `rows x inputs` row-major floats ready for layers of a precision.
    ///
    /// # Panics
    /// Where `input` is not of that size, or there are no inputs, or more than 65,536.
    pub(crate) fn prepare<'a>(
        &'a mut self,
        precision: Precision,
        input: &'a [f32],
        rows: usize,
        inputs: usize,
    ) -> Prepared<'a> {
        assert_eq!(input.len(), rows * inputs, "the input is not {rows} x {inputs}");
        assert!((1..=MAX_INPUTS).contains(&inputs), "a row has 1 to {MAX_INPUTS} inputs, not {inputs}");
        let mut stride = inputs * 4;
        if precision == Precision::Float32 {
            return Prepared { bytes: view(input), stride, scales: &[], rows, inputs, precision, isa: self.isa };
        }
        stride = (precision.steps(inputs) * 4).next_multiple_of(LINE);
        if stride.is_multiple_of(1024) {
            // Otherwise the rows of a tile would fight for the same places of the cache.
            stride += LINE;
        }
        self.lines.resize((rows * stride / LINE).max(self.lines.len()), Line([0; LINE / 4]));
        self.scales.clear();
        let limit = match precision {
            Precision::Float16 => Limit::Word(word_limit(inputs)),
            Precision::Float32 | Precision::Int8 => Limit::Byte { zero_point: byte_zero_point(self.isa) as u8 },
        };
        let bytes: &mut [u8] = &mut view_mut(&mut self.lines)[..rows * stride];
        for (row, packed) in input.chunks_exact(inputs).zip(bytes.chunks_exact_mut(stride)) {
            let mut scale = 0.0;
            self.isa.run(Quantise { limit, row, packed, scale: &mut scale });
            self.scales.push(scale);
        }
        Prepared { bytes, stride, scales: &self.scales, rows, inputs, precision, isa: self.isa }
    }
}

/// The numbers that a row becomes.
#[derive(Clone, Copy)]
enum Limit {
    /// 16-bit ones up to this absolute value.
    Word(i32),
    /// Bytes up to 127, shifted by 0 or 128.
    Byte { zero_point: u8 },
}

/// One row to be quantised.
struct Quantise<'a> {
    limit: Limit,
    row: &'a [f32],
    packed: &'a mut [u8],
    scale: &'a mut f32,
}

impl Kernel for Quantise<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        *self.scale = quantise_row(self.limit, self.row, self.packed);
    }
}

/// Adding this to a number below 2^22 rounds it (ties to even) into the sum's low bits.
const ROUNDER: f32 = 12_582_912.0;

#[inline(always)]
fn quantise_row(limit: Limit, row: &[f32], packed: &mut [u8]) -> f32 {
    let most = match limit {
        Limit::Word(most) => most,
        Limit::Byte { .. } => 127,
    };
    // As integers, absolute floats keep their order, and what is not a number is the largest.
    let bits = row.iter().fold(0, |largest: u32, value| largest.max(value.to_bits() & (u32::MAX >> 1)));
    let largest = f32::from_bits(bits);
    let (factor, scale) = if !largest.is_finite() {
        (0.0, f32::NAN)
    } else if largest < 1e-30 {
        (0.0, 0.0)
    } else {
        (most as f32 / largest, largest / most as f32)
    };
    match limit {
        Limit::Word(_) => {
            let words: &mut [i16] = view_mut(packed);
            let (words, rest) = words.split_at_mut(row.len());
            for (word, value) in words.iter_mut().zip(row) {
                *word = (value * factor + ROUNDER).to_bits() as i16;
            }
            rest.fill(0);
        }
        Limit::Byte { zero_point } => {
            let (bytes, rest) = packed.split_at_mut(row.len());
            for (byte, value) in bytes.iter_mut().zip(row) {
                // To shift by 128 is to turn the highest bit.
                *byte = (value * factor + ROUNDER).to_bits() as u8 ^ zero_point;
            }
            rest.fill(zero_point);
        }
    }
    scale
}
