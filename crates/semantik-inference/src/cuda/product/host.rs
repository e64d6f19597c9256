//! A product computed on the processor from what cublasLt would be told, and from nothing else.

use std::ptr::with_exposed_provenance as at;

use half::{bf16, f16};

use crate::cuda::product::{Kind, Matrix, Operands, Product};

/// Does `product` over memory of this process.
///
/// # Safety
/// The operands are as large as the product says.
pub(crate) unsafe fn multiply(product: &Product, operands: Operands) {
    let Product { weights, input, output, bias } = product;
    assert_eq!(weights.rows, input.rows, "inputs of weights and activations");
    assert_eq!((weights.columns, input.columns), (output.rows, output.columns), "size of the result");
    for matrix in [weights, input, output] {
        assert!(matrix.stride >= matrix.rows as i64, "columns overlap");
        // What the integer kernels of the library ask for.
        assert!(matrix.kind != Kind::I8 || matrix.rows.is_multiple_of(4) && matrix.stride % 4 == 0);
    }
    // SAFETY: as the caller says.
    let (left, right) = unsafe { (columns(operands.weights, weights), columns(operands.input, input)) };
    for column in 0..output.columns {
        for row in 0..output.rows {
            let (a, b) = (&left[row as usize], &right[column as usize]);
            let mut sum: f64 = a.iter().zip(b).map(|(a, b)| a * b).sum();
            if *bias {
                let vector = Matrix { columns: 1, ..*output };
                // SAFETY: as the caller says.
                sum += unsafe { load(operands.bias, &vector, row, 0) };
            }
            // SAFETY: as the caller says.
            unsafe { store(operands.output, output, row, column, sum) };
        }
    }
}

unsafe fn columns(base: u64, matrix: &Matrix) -> Vec<Vec<f64>> {
    let depth = |column| {
        // SAFETY: as the caller says.
        (0..matrix.rows).map(|row| unsafe { load(base, matrix, row, column) }).collect()
    };
    (0..matrix.columns).map(depth).collect()
}

fn place(base: u64, matrix: &Matrix, row: u64, column: u64) -> usize {
    base as usize + (column as usize * matrix.stride as usize + row as usize) * matrix.kind.bytes()
}

unsafe fn load(base: u64, matrix: &Matrix, row: u64, column: u64) -> f64 {
    let from = place(base, matrix, row, column);
    // SAFETY: inside the matrix.
    unsafe {
        match matrix.kind {
            Kind::F32 => f64::from(*at::<f32>(from)),
            Kind::F16 => (*at::<f16>(from)).to_f64(),
            Kind::Bf16 => (*at::<bf16>(from)).to_f64(),
            Kind::I8 => f64::from(*at::<i8>(from)),
            Kind::I32 => f64::from(*at::<i32>(from)),
        }
    }
}

unsafe fn store(base: u64, matrix: &Matrix, row: u64, column: u64, value: f64) {
    let to = std::ptr::with_exposed_provenance_mut::<u8>(place(base, matrix, row, column));
    // SAFETY: inside the matrix.
    unsafe {
        match matrix.kind {
            Kind::F32 => to.cast::<f32>().write(value as f32),
            // By way of `f32`, as the library rounds its sums.
            Kind::F16 => to.cast::<f16>().write(f16::from_f32(value as f32)),
            Kind::Bf16 => to.cast::<bf16>().write(bf16::from_f32(value as f32)),
            Kind::I8 => to.cast::<i8>().write(value as i8),
            Kind::I32 => to.cast::<i32>().write(value as i32),
        }
    }
}
