//! Where a linear layer writes: a rectangle of a larger matrix.
//!
//! A view can be cut between two columns, so that two cores can fill one matrix. Invariant: the
//! elements of two views never overlap.

use std::marker::PhantomData;

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

    /// The columns before `column`, and those from it on.
    ///
    /// # Panics
    /// Where there are fewer columns.
    #[cfg_attr(not(test), expect(dead_code, reason = "for queries that several cores share"))]
    pub(crate) fn split_at_column(self, column: usize) -> (Self, Self) {
        assert!(column <= self.columns, "no column {column} among {}", self.columns);
        let left = Self { columns: column, ..self };
        let right = Self { at: self.at.wrapping_add(column), columns: self.columns - column, ..self };
        (left, right)
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
    fn the_halves_of_a_view_share_no_element() {
        let mut matrix = [0.0_f32; 12];
        let (mut left, mut right) = Output::new(&mut matrix, 3, 3, 4).split_at_column(1);
        assert_eq!((left.columns(), right.columns()), (1, 2));
        // SAFETY: both places are inside the matrix.
        unsafe {
            *left.at(2, 0) = 1.0;
            *right.at(2, 1) = 2.0;
        }
        assert_eq!(matrix[8], 1.0);
        assert_eq!(matrix[10], 2.0);
    }
}
