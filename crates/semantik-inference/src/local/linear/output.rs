//! Where a linear layer writes: a rectangle of a larger matrix.
//!
//! Parts of a view share no column, so that several cores can fill one matrix.

use std::marker::PhantomData;
use std::ops::Range;

/// A mutable view of `rows x columns` floats inside a row-major matrix.
pub(crate) struct Output<'a> {
    at: *mut f32,
    stride: usize,
    rows: usize,
    columns: usize,
    matrix: PhantomData<&'a mut [f32]>,
}

// SAFETY: a view is an exclusive borrow of its own elements, which no other view shares.
unsafe impl Send for Output<'_> {}
// SAFETY: a shared view gives away parts only, and who takes them answers for their columns.
unsafe impl Sync for Output<'_> {}

impl<'a> Output<'a> {
    /// The first `columns` floats of each of `rows` rows that are `stride` floats apart.
    ///
    /// # Panics
    /// Where `columns` exceeds `stride` or the matrix is too short.
    pub(crate) fn new(matrix: &'a mut [f32], rows: usize, columns: usize, stride: usize) -> Self {
        assert!(columns <= stride, "a row of {columns} floats does not fit a stride of {stride}");
        let needed = if rows == 0 { 0 } else { (rows - 1) * stride + columns };
        assert!(needed <= matrix.len(), "{rows} rows need {needed} floats, there are {}", matrix.len());
        Self { at: matrix.as_mut_ptr(), stride, rows, columns, matrix: PhantomData }
    }

    /// Some of its columns.
    ///
    /// # Panics
    /// Where it has fewer.
    ///
    /// # Safety
    /// No column is in two parts that are in use at once.
    pub(crate) unsafe fn part(&self, columns: Range<usize>) -> Self {
        assert!(columns.start <= columns.end && columns.end <= self.columns, "no {columns:?} among {}", self.columns);
        Self { at: self.at.wrapping_add(columns.start), columns: columns.len(), ..*self }
    }

    /// Rows in it.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Columns in it.
    pub(crate) fn columns(&self) -> usize {
        self.columns
    }

    /// Floats from one row to the next.
    pub(crate) fn stride(&self) -> usize {
        self.stride
    }

    /// The element at a place inside the view.
    pub(crate) fn at(&mut self, row: usize, column: usize) -> *mut f32 {
        debug_assert!(row < self.rows && column < self.columns);
        self.at.wrapping_add(row * self.stride + column)
    }
}

#[cfg(test)]
mod tests {
    use super::Output;

    #[test]
    fn the_parts_of_a_view_share_no_element() {
        let mut matrix = [0.0_f32; 12];
        let whole = Output::new(&mut matrix, 3, 3, 4);
        // SAFETY: the parts have different columns, and both places are inside the matrix.
        unsafe {
            let (mut left, mut right) = (whole.part(0..1), whole.part(1..3));
            assert_eq!((left.columns(), right.columns()), (1, 2));
            *left.at(2, 0) = 1.0;
            *right.at(2, 1) = 2.0;
        }
        assert_eq!(matrix[8], 1.0);
        assert_eq!(matrix[10], 2.0);
    }
}
