//! A linear layer: weights packed once, then multiplied with rows of activations.
//!
//! Invariant: an output element depends on its row, its column and the instruction set alone, bit
//! for bit, never on the other rows or on how the columns are cut.

use std::ops::Range;

use crate::local::linear::activation::{Activation, Curve};
use crate::local::linear::drive::{self, Product};
use crate::local::linear::isa::Isa;
use crate::local::linear::line::Lines;
#[cfg(target_arch = "aarch64")]
use crate::local::linear::neon;
use crate::local::linear::output::Output;
use crate::local::linear::pack::{Form, Packed};
use crate::local::linear::portable;
use crate::local::linear::precision::{MAX_INPUTS, Precision};
use crate::local::linear::rows::Prepared;
use crate::local::linear::vector::Dot;
#[cfg(target_arch = "x86_64")]
use crate::local::linear::{avx2, avx512};

/// What is done with the product and its bias.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Finish {
    /// `output = activation(product + bias)`.
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
    /// Where the sizes do not fit, there are no inputs or more than 65,536, or this machine
    /// cannot run the instruction set.
    pub(crate) fn pack(
        weight: &[f32],
        bias: Option<&[f32]>,
        outputs: usize,
        inputs: usize,
        precision: Precision,
        isa: Isa,
    ) -> Self {
        let form = checked(outputs, inputs, precision, isa);
        assert_eq!(weight.len(), outputs * inputs, "the weights are not {outputs} x {inputs}");
        assert!(bias.is_none_or(|bias| bias.len() == outputs), "the bias does not have {outputs} numbers");
        Self { packed: Packed::new(weight, bias, form), isa }
    }

    /// Takes the lines that `as_bytes` of a layer of the same shape, precision, panel width and byte
    /// limit gave; nothing where there are more or fewer.
    ///
    /// # Panics
    /// As `pack`.
    pub(crate) fn from_lines(
        lines: Lines,
        outputs: usize,
        inputs: usize,
        precision: Precision,
        isa: Isa,
    ) -> Option<Self> {
        let packed = Packed::from_lines(lines, checked(outputs, inputs, precision, isa))?;
        Some(Self { packed, isa })
    }

    /// The packed weights, scales and biases as plain bytes.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.packed.as_bytes()
    }

    /// Bytes of memory that the packed weights, scales and biases take.
    pub(crate) fn bytes(&self) -> usize {
        self.packed.as_bytes().len()
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
        let curve = match finish {
            Finish::Store(activation) => curve(activation, form.precision),
            Finish::Add => None,
        };
        let product = Product { packed: &self.packed, rows, columns, curve, add: finish == Finish::Add };
        // SAFETY: the constructor has checked that the machine has the set and packed for it; the
        // sizes were checked above.
        unsafe { kernel(self.isa, form.precision)(&product, &mut output) }
    }
}

/// The form of a layer that can be packed.
fn checked(outputs: usize, inputs: usize, precision: Precision, isa: Isa) -> Form {
    assert!(isa.is_available(), "this machine cannot run {isa}");
    assert!((1..=MAX_INPUTS).contains(&inputs), "a layer has 1 to {MAX_INPUTS} inputs, not {inputs}");
    Form::new(outputs, inputs, precision, isa)
}

fn curve(activation: Activation, precision: Precision) -> Option<Curve> {
    match activation {
        Activation::None => None,
        Activation::Gelu if precision == Precision::Float32 => Some(Curve::Gelu),
        Activation::Gelu => Some(Curve::CoarseGelu),
        Activation::GeluTanh => Some(Curve::GeluTanh),
        Activation::Silu => Some(Curve::Silu),
        Activation::Relu => Some(Curve::Relu),
    }
}

type Multiply = unsafe fn(&Product<'_>, &mut Output<'_>);

/// The product for an instruction set and a precision.
fn kernel(isa: Isa, precision: Precision) -> Multiply {
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512Vnni => pick::<avx512::Float32, avx512::WordVnni, avx512::ByteVnni>(precision),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => pick::<avx512::Float32, avx512::Word, avx512::Byte>(precision),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2Vnni => pick::<avx2::Float32, avx2::WordVnni, avx2::ByteVnni>(precision),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => pick::<avx2::Float32, avx2::Word, avx2::Byte>(precision),
        #[cfg(target_arch = "aarch64")]
        Isa::NeonDot => pick::<neon::Float32, neon::Word, neon::ByteDot>(precision),
        #[cfg(target_arch = "aarch64")]
        Isa::Neon => pick::<neon::Float32, neon::Word, neon::Byte>(precision),
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
