//! A linear layer: weights packed once, then multiplied with rows of activations.
//!
//! Invariant: an output element depends on its row, its column and the instruction set alone, bit
//! for bit, never on the other rows or on how the columns are cut.

use std::ops::Range;

use crate::local::isa::{Isa, Set};
use crate::local::linear::drive::{self, Product};
use crate::local::linear::line::Lines;
#[cfg(target_arch = "aarch64")]
use crate::local::linear::neon;
use crate::local::linear::output::Output;
use crate::local::linear::pack::{Form, Packed};
use crate::local::linear::portable;
use crate::local::linear::precision::{MAX_INPUTS, Precision};
use crate::local::linear::rows::Prepared;
use crate::local::linear::tile::Dot;
#[cfg(target_arch = "x86_64")]
use crate::local::linear::{avx2, avx512};
use crate::local::ops::activation::Activation;

/// What is done with the product and its bias.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Finish {
    /// `output = activation(product + bias)`; GELU is as exact as the precision calls for.
    Store(Activation),
    /// `output += product + bias`, for a residual.
    Add,
}

/// The packed weights `[outputs, inputs]` of a layer, and its bias.
pub(crate) struct Linear {
    packed: Packed,
    isa: Isa,
}

impl Linear {
    /// Packs row-major weights `[outputs, inputs]` (as safetensors has them) and a bias, or none.
    ///
    /// # Panics
    /// Where the sizes do not fit, or there are no inputs or more than 65,536.
    pub(crate) fn pack(
        weight: &[f32],
        bias: Option<&[f32]>,
        outputs: usize,
        inputs: usize,
        precision: Precision,
        isa: Isa,
    ) -> Self {
        assert!((1..=MAX_INPUTS).contains(&inputs), "a layer has 1 to {MAX_INPUTS} inputs, not {inputs}");
        assert_eq!(weight.len(), outputs * inputs, "the weights are not {outputs} x {inputs}");
        assert!(bias.is_none_or(|bias| bias.len() == outputs), "the bias does not have {outputs} numbers");
        Self { packed: Packed::new(weight, bias, Form::new(outputs, inputs, precision, isa)), isa }
    }

    /// Takes the lines that `as_bytes` of a layer of the same shape, precision, panel width and byte
    /// limit gave; nothing where there are more or fewer.
    pub(crate) fn from_lines(
        lines: Lines,
        outputs: usize,
        inputs: usize,
        precision: Precision,
        isa: Isa,
    ) -> Option<Self> {
        let packed = Packed::from_lines(lines, Form::new(outputs, inputs, precision, isa))?;
        Some(Self { packed, isa })
    }

    /// The packed weights, scales and biases as plain bytes.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.packed.as_bytes()
    }

    /// Bytes of memory that the packed weights, scales and biases take.
    pub(crate) fn bytes(&self) -> usize {
        self.packed.bytes()
    }

    /// Output columns.
    pub(crate) fn outputs(&self) -> usize {
        self.packed.form().outputs
    }

    /// Inputs of a row.
    pub(crate) fn inputs(&self) -> usize {
        self.packed.form().inputs
    }

    /// The format of its numbers, which the rows must be prepared for.
    pub(crate) fn precision(&self) -> Precision {
        self.packed.form().precision
    }

    /// Columns of a panel: ranges of columns start at a multiple of it.
    pub(crate) fn panel_width(&self) -> usize {
        self.packed.form().width
    }

    /// Multiplies the rows with a range of output columns, and writes `rows x columns.len()`
    /// floats to the view.
    ///
    /// The range starts at a multiple of the panel width and ends at one or at `outputs`, so that
    /// several threads can share one product.
    ///
    /// # Panics
    /// Where the rows have another precision, width or instruction set, or the range or the view do not fit.
    pub(crate) fn forward(&self, rows: &Prepared<'_>, columns: Range<usize>, finish: Finish, mut output: Output<'_>) {
        let form = self.packed.form();
        assert_eq!(
            (rows.precision, rows.inputs, rows.isa),
            (form.precision, form.inputs, self.isa),
            "rows were prepared for another layer"
        );
        assert_eq!((output.rows(), output.columns()), (rows.rows, columns.len()), "the output has another size");
        assert!(columns.start <= columns.end && columns.end <= form.outputs, "no columns {columns:?}");
        let ends = columns.end == form.outputs || columns.end.is_multiple_of(form.width);
        assert!(columns.start.is_multiple_of(form.width) && ends, "columns {columns:?} cut a panel");
        if columns.is_empty() || rows.rows == 0 {
            return;
        }
        let activation = match finish {
            Finish::Store(Activation::Gelu) if form.precision != Precision::Float32 => Activation::CoarseGelu,
            Finish::Store(activation) => activation,
            Finish::Add => Activation::None,
        };
        let product = Product { packed: &self.packed, rows, columns, activation, add: finish == Finish::Add };
        // SAFETY: the machine has the set, or there would be no `Isa`, and the weights are packed
        // for it; the sizes were checked above.
        unsafe { kernel(self.isa, form.precision)(&product, &mut output) }
    }
}

type Multiply = unsafe fn(&Product<'_>, &mut Output<'_>);

/// The product for an instruction set and a precision.
fn kernel(isa: Isa, precision: Precision) -> Multiply {
    match isa.set() {
        #[cfg(target_arch = "x86_64")]
        Set::Avx512Vnni => pick::<avx512::Float32, avx512::WordVnni, avx512::ByteVnni>(precision),
        #[cfg(target_arch = "x86_64")]
        Set::Avx512 => pick::<avx512::Float32, avx512::Word, avx512::Byte>(precision),
        #[cfg(target_arch = "x86_64")]
        Set::Avx2Vnni => pick::<avx2::Float32, avx2::WordVnni, avx2::ByteVnni>(precision),
        #[cfg(target_arch = "x86_64")]
        Set::Avx2 => pick::<avx2::Float32, avx2::Word, avx2::Byte>(precision),
        #[cfg(target_arch = "aarch64")]
        Set::NeonDot => pick::<neon::Float32, neon::Word, neon::ByteDot>(precision),
        #[cfg(target_arch = "aarch64")]
        Set::Neon => pick::<neon::Float32, neon::Word, neon::Byte>(precision),
        _ => pick::<
            portable::Portable<portable::Float32>,
            portable::Portable<portable::Word>,
            portable::Portable<portable::Byte>,
        >(precision),
    }
}

fn pick<Float32: Dot, Word: Dot, Byte: Dot>(precision: Precision) -> Multiply {
    match precision {
        Precision::Float32 => drive::multiply::<Float32>,
        Precision::Float16 => drive::multiply::<Word>,
        Precision::Int8 => drive::multiply::<Byte>,
    }
}
