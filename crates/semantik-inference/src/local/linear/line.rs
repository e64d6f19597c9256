//! Plain numbers in memory that starts at a cache line.

/// One cache line of sixteen 32-bit words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, align(64))]
pub(crate) struct Line(pub(crate) [u32; 16]);

/// Bytes of a line.
pub(crate) const LINE: usize = 64;

/// A type that is any pattern of bits and has no padding.
///
/// # Safety
/// Both must hold.
pub(crate) unsafe trait Plain: Copy {}

// SAFETY: sixteen words fill the 64 bytes.
unsafe impl Plain for Line {}
// SAFETY: a number.
unsafe impl Plain for f32 {}
// SAFETY: a number.
unsafe impl Plain for u32 {}
// SAFETY: a number.
unsafe impl Plain for u8 {}
// SAFETY: a number.
unsafe impl Plain for i16 {}

/// The same memory as numbers of another kind.
///
/// # Panics
/// Where the memory does not start or end at a whole number of them.
pub(crate) fn view<F: Plain, T: Plain>(from: &[F]) -> &[T] {
    // SAFETY: both are plain, so any bytes of one are the other.
    let (before, numbers, after) = unsafe { from.align_to::<T>() };
    assert!(before.is_empty() && after.is_empty(), "memory is not aligned");
    numbers
}

/// As `view`, to write.
///
/// # Panics
/// As `view`.
pub(crate) fn view_mut<F: Plain, T: Plain>(from: &mut [F]) -> &mut [T] {
    // SAFETY: both are plain, so any bytes of one are the other.
    let (before, numbers, after) = unsafe { from.align_to_mut::<T>() };
    assert!(before.is_empty() && after.is_empty(), "memory is not aligned");
    numbers
}
