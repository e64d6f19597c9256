//! Plain numbers in memory that starts at a cache line.

use std::ops::{Deref, Range};
use std::sync::Arc;

use memmap2::Mmap;

/// One cache line of sixteen 32-bit words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, align(64))]
pub(crate) struct Line(pub(crate) [u32; 16]);

/// Bytes of a line.
pub(crate) const LINE: usize = 64;

/// Lines that are ours, or those of a mapped file.
pub(crate) enum Lines {
    Owned(Vec<Line>),
    Mapped { map: Arc<Mmap>, bytes: Range<usize> },
}

impl Lines {
    /// The bytes of a map, where they are whole lines.
    pub(crate) fn mapped(map: &Arc<Mmap>, bytes: Range<usize>) -> Option<Self> {
        let lines = map.get(bytes.clone())?;
        let whole = lines.len().is_multiple_of(LINE) && lines.as_ptr().addr().is_multiple_of(LINE);
        whole.then(|| Self::Mapped { map: Arc::clone(map), bytes })
    }
}

impl Deref for Lines {
    type Target = [Line];

    fn deref(&self) -> &[Line] {
        match self {
            Self::Owned(lines) => lines,
            Self::Mapped { map, bytes } => view(&map[bytes.clone()]),
        }
    }
}

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

/// Numbers as bytes.
pub(crate) fn bytes_of(numbers: &[f32]) -> &[u8] {
    view(numbers)
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
