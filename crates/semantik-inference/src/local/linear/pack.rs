//! The packed form of a layer's weights: one aligned block of plain words.
//!
//! In this order: the panels, then for every column its starting sum, its scale and its bias. A
//! panel holds `width` columns; in it the steps follow each other, and a step holds one word (1, 2
//! or 4 consecutive inputs) of each column. Columns and inputs that are missing are zero.

use crate::local::isa::{Isa, Set};
use crate::local::linear::line::{LINE, Line, Lines, view, view_mut};
use crate::local::linear::precision::{Precision, SUM_LIMIT, word_limit};

/// The form of a packed block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Form {
    pub(crate) outputs: usize,
    pub(crate) inputs: usize,
    pub(crate) precision: Precision,
    /// Columns of a panel.
    pub(crate) width: usize,
    /// The largest absolute value of a packed byte.
    pub(crate) byte_limit: i32,
    /// What an activation's byte is shifted by.
    pub(crate) zero_point: i32,
}

impl Form {
    pub(crate) fn new(outputs: usize, inputs: usize, precision: Precision, isa: Isa) -> Self {
        let (width, byte_limit) = (panel_width(isa), byte_weight_limit(isa));
        Self { outputs, inputs, precision, width, byte_limit, zero_point: byte_zero_point(isa) }
    }

    pub(crate) fn steps(&self) -> usize {
        self.precision.steps(self.inputs)
    }

    pub(crate) fn panel_words(&self) -> usize {
        self.steps() * self.width
    }

    /// Columns, the missing ones of the last panel counted.
    pub(crate) fn columns(&self) -> usize {
        self.outputs.next_multiple_of(self.width)
    }

    fn weight_words(&self) -> usize {
        self.columns() * self.steps()
    }

    pub(crate) fn lines(&self) -> usize {
        (self.weight_words() + 3 * self.columns()).div_ceil(LINE / 4)
    }
}

/// Output columns that lie side by side in a packed panel: two vectors of 32-bit numbers.
fn panel_width(isa: Isa) -> usize {
    match isa.set() {
        Set::Avx512Vnni | Set::Avx512 => 32,
        Set::Avx2Vnni | Set::Avx2 => 16,
        Set::NeonDot | Set::Neon | Set::Portable => 8,
    }
}

/// The largest absolute value of an 8-bit weight. Without a dot product instruction two
/// products of an unsigned and a signed byte are added in 16 bits, which holds 255 x 2 x 63.
pub(crate) fn byte_weight_limit(isa: Isa) -> i32 {
    match isa.set() {
        Set::Avx512 | Set::Avx2 => 63,
        Set::Avx512Vnni | Set::Avx2Vnni | Set::NeonDot | Set::Neon | Set::Portable => 127,
    }
}

/// What is added to an 8-bit activation: the x86 instructions want it unsigned.
pub(crate) fn byte_zero_point(isa: Isa) -> i32 {
    match isa.set() {
        Set::NeonDot | Set::Neon => 0,
        Set::Avx512Vnni | Set::Avx512 | Set::Avx2Vnni | Set::Avx2 | Set::Portable => 128,
    }
}

/// Packed weights with their starting sums, scales and biases.
pub(crate) struct Packed {
    form: Form,
    lines: Lines,
}

impl Packed {
    /// Packs `outputs x inputs` weights and a bias, or none.
    pub(crate) fn new(weight: &[f32], bias: Option<&[f32]>, form: Form) -> Self {
        let mut lines = vec![Line([0; LINE / 4]); form.lines()];
        let words: &mut [u32] = view_mut(&mut lines);
        let (panels, tables) = words.split_at_mut(form.weight_words());
        let (starts, tables) = tables.split_at_mut(form.columns());
        let (scales, biases) = tables.split_at_mut(form.columns());
        let mut column_words = Vec::with_capacity(form.steps());
        for (column, row) in weight.chunks_exact(form.inputs).enumerate() {
            let bias = bias.map_or(0.0, |bias| bias[column]);
            let (start, scale) = pack_column(row, bias, &form, &mut column_words);
            starts[column] = start;
            scales[column] = scale.to_bits();
            biases[column] = bias.to_bits();
            let first = column / form.width * form.panel_words() + column % form.width;
            for (word, packed) in column_words.iter().zip(panels[first..].iter_mut().step_by(form.width)) {
                *packed = *word;
            }
        }
        Self { form, lines: Lines::Owned(lines) }
    }

    /// Takes the lines of another one of the same form, or nothing where there are more or fewer.
    pub(crate) fn from_lines(lines: Lines, form: Form) -> Option<Self> {
        (lines.len() == form.lines()).then_some(Self { form, lines })
    }

    pub(crate) fn form(&self) -> &Form {
        &self.form
    }

    /// All of it as plain bytes.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        view(&self.lines)
    }

    /// Bytes of memory that it takes.
    pub(crate) fn bytes(&self) -> usize {
        self.lines.len() * LINE
    }

    /// The panels' bytes, each `4 x panel_words` long.
    pub(crate) fn panels(&self) -> &[u8] {
        &view(&self.lines)[..4 * self.form.weight_words()]
    }

    /// The starting sum of each column: its bias in float32, otherwise what takes back the
    /// activations' zero point.
    pub(crate) fn starts(&self) -> &[u32] {
        self.table(0)
    }

    /// The scale of each column.
    pub(crate) fn scales(&self) -> &[f32] {
        view(self.table(1))
    }

    /// The bias of each column.
    pub(crate) fn bias(&self) -> &[f32] {
        view(self.table(2))
    }

    fn table(&self, number: usize) -> &[u32] {
        let words: &[u32] = view(&self.lines);
        &words[self.form.weight_words() + number * self.form.columns()..][..self.form.columns()]
    }
}

/// Packs one column into words; its starting sum and its scale.
fn pack_column(row: &[f32], bias: f32, form: &Form, words: &mut Vec<u32>) -> (u32, f32) {
    words.clear();
    match form.precision {
        Precision::Float32 => {
            words.extend(row.iter().map(|weight| weight.to_bits()));
            (bias.to_bits(), 1.0)
        }
        Precision::Float16 => {
            let (numbers, scale) = quantise_to_words(row);
            words.extend(numbers.chunks(2).map(|pair| join(pair, 16)));
            (0, scale)
        }
        Precision::Int8 => {
            let (numbers, scale) = quantise(row, largest(row) / form.byte_limit as f32, form.byte_limit);
            words.extend(numbers.chunks(4).map(|four| join(four, 8)));
            let sum: i32 = numbers.iter().sum();
            ((-form.zero_point * sum).cast_unsigned(), scale)
        }
    }
}

/// Puts the low bits of the numbers beside each other, the first one lowest.
fn join(numbers: &[i32], bits: u32) -> u32 {
    let mask = (1_u32 << bits) - 1;
    let place = |(index, number): (usize, &i32)| (number.cast_unsigned() & mask) << (bits * index as u32);
    numbers.iter().enumerate().map(place).sum()
}

/// 16-bit weights: as fine as 32 bits can hold the sum of any row of activations.
///
/// The scale is chosen so that `activation limit x sum of absolute weights <= 2^31 - 1`, hence no
/// partial sum can overflow either. How many bits a weight has adapts to its channel.
fn quantise_to_words(row: &[f32]) -> (Vec<i32>, f32) {
    let allowed = SUM_LIMIT / i64::from(word_limit(row.len()));
    let total: f64 = row.iter().map(|weight| f64::from(weight.abs())).sum();
    let mut scale = (largest(row) / 32_767.0).max((total / allowed as f64) as f32);
    loop {
        let (numbers, used) = quantise(row, scale, 32_767);
        let sum: i64 = numbers.iter().map(|number| i64::from(number.abs())).sum();
        if sum <= allowed {
            return (numbers, used);
        }
        // Rounding can push the sum over the limit by at most half a step each.
        scale *= 1.0 + 1e-4_f32.max((sum - allowed) as f32 / allowed as f32);
    }
}

/// The row in units of `scale`. A row of zeros has scale 0; one that holds what is not a finite
/// number gets a scale that is none, so that it shows in the result.
fn quantise(row: &[f32], scale: f32, limit: i32) -> (Vec<i32>, f32) {
    if !row.iter().all(|weight| weight.is_finite()) {
        return (vec![0; row.len()], f32::NAN);
    }
    if scale < f32::MIN_POSITIVE {
        return (vec![0; row.len()], 0.0);
    }
    let number = |weight: &f32| ((weight / scale).round_ties_even() as i32).clamp(-limit, limit);
    (row.iter().map(number).collect(), scale)
}

fn largest(row: &[f32]) -> f32 {
    row.iter().fold(0.0, |largest, weight| weight.abs().max(largest))
}

#[cfg(test)]
mod tests {
    use super::{Form, Line, Lines, Packed, join, quantise_to_words, view};
    use crate::local::isa::Isa;
    use crate::local::linear::precision::{Precision, SUM_LIMIT, word_limit};

    #[test]
    fn numbers_are_joined_lowest_first() {
        assert_eq!(join(&[1, -1], 16), 0xffff_0001);
        assert_eq!(join(&[1, 2, -1], 8), 0x00ff_0201);
    }

    #[test]
    fn the_16_bit_sum_cannot_overflow_even_with_equal_weights() {
        for inputs in [1, 2, 3, 300, 384, 1_536, 4_096, 65_536] {
            for row in [vec![0.37_f32; inputs], (0..inputs).map(|i| (i as f32).sin()).collect()] {
                let (numbers, _) = quantise_to_words(&row);
                let sum: i64 = numbers.iter().map(|number| i64::from(number.abs())).sum();
                assert!(sum * i64::from(word_limit(inputs)) <= SUM_LIMIT, "{inputs} inputs");
                let used = sum * i64::from(word_limit(inputs));
                assert!(inputs < 300 || used > SUM_LIMIT / 4 * 3, "{inputs} inputs waste bits");
            }
        }
    }

    #[test]
    fn a_packed_block_survives_being_bytes() {
        let weight: Vec<f32> = (0..15).map(|i| i as f32 - 7.0).collect();
        let form = Form::new(5, 3, Precision::Int8, Isa::PORTABLE);
        let packed = Packed::new(&weight, Some(&[1.0; 5]), form);
        let lines = || view::<u8, Line>(packed.as_bytes()).to_vec();
        let again = Packed::from_lines(Lines::Owned(lines()), form).expect("the same form");
        assert_eq!(again.as_bytes(), packed.as_bytes());
        assert_eq!(again.bias()[..5], [1.0; 5]);
        assert!(Packed::from_lines(Lines::Owned(lines()[1..].to_vec()), form).is_none());
    }
}
