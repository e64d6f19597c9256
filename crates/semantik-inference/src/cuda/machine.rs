//! What the model asks of a card: memory, kernels, products. One implementation drives a card, the
//! other runs the same kernels on the processor for the tests.

use std::any::Any;
use std::ops::Deref;

use crate::cuda::fault::Fault;
use crate::cuda::kernels::Arguments;
use crate::cuda::product::{Operands, Product, Tier};

/// One order of work: what is asked of it happens in the order asked, some time later.
pub(crate) trait Machine {
    /// Memory for `bytes` bytes, at a multiple of 256; it holds anything at first.
    ///
    /// # Errors
    /// [`Fault::Memory`] when there is not so much.
    fn allocate(&self, bytes: usize) -> Result<Memory, Fault>;
    /// Copies `bytes` to the beginning of `to`.
    ///
    /// # Errors
    /// When the driver fails.
    fn upload(&self, bytes: &[u8], to: Span) -> Result<(), Fault>;
    /// Waits for all work and copies the beginning of `from` to `bytes`.
    ///
    /// # Errors
    /// When the driver, or a kernel before this, failed.
    fn download(&self, from: Span, bytes: &mut [u8]) -> Result<(), Fault>;
    /// Waits for all work.
    ///
    /// # Errors
    /// When the driver, or a kernel before this, failed.
    fn finish(&self) -> Result<(), Fault>;
    /// Runs a kernel.
    ///
    /// # Errors
    /// When it cannot be started.
    ///
    /// # Safety
    /// The arguments are those of this kernel, and all memory they name is large enough and lives
    /// until the next download.
    unsafe fn launch(&self, launch: &Launch<'_>) -> Result<(), Fault>;
    /// A product of matrices.
    ///
    /// # Errors
    /// When no algorithm does it.
    ///
    /// # Safety
    /// As [`Self::launch`].
    unsafe fn multiply(&self, product: &Product, operands: Operands, tier: Tier) -> Result<(), Fault>;
}

/// A kernel to run, and over what.
pub(crate) struct Launch<'a> {
    pub kernel: &'static str,
    pub grid: (u32, u32),
    /// Threads of a block.
    pub threads: u32,
    /// Bytes of dynamic shared memory.
    pub shared: u32,
    /// The kernel's structure, as bytes.
    pub arguments: &'a [u8],
}

impl<'a> Launch<'a> {
    /// Kernel `A` over `grid` blocks of `threads` threads.
    pub fn new<A: Arguments>(arguments: &'a A, grid: (u32, u32), threads: u32, shared: u32) -> Self {
        // SAFETY: an `Arguments` has no padding, so all its bytes are set.
        let bytes = unsafe { std::slice::from_raw_parts(std::ptr::from_ref(arguments).cast::<u8>(), size_of::<A>()) };
        Self { kernel: A::KERNEL, grid, threads, shared, arguments: bytes }
    }
}

/// A piece of a card's memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    address: u64,
    bytes: usize,
}

impl Span {
    /// `bytes` bytes at `address`.
    pub fn new(address: u64, bytes: usize) -> Self {
        Self { address, bytes }
    }

    /// Bytes of it.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Where it begins, once it is sure to hold `bytes` bytes.
    ///
    /// # Panics
    /// When it is smaller: a defect of the model's code, found before the card reads past the end.
    pub fn holding(&self, bytes: usize) -> u64 {
        assert!(bytes <= self.bytes, "{bytes} bytes are asked of memory for {}", self.bytes);
        self.address
    }

    /// The `bytes` bytes from `offset` on.
    ///
    /// # Panics
    /// When it is smaller.
    pub fn part(&self, offset: usize, bytes: usize) -> Self {
        Self { address: self.holding(offset + bytes) + offset as u64, bytes }
    }
}

/// Memory of a card, given back when dropped.
pub(crate) struct Memory {
    span: Span,
    _owner: Box<dyn Any + Send + Sync>,
}

impl Memory {
    /// `span`, which `owner` gives back when dropped.
    pub fn new(span: Span, owner: Box<dyn Any + Send + Sync>) -> Self {
        Self { span, _owner: owner }
    }
}

impl Deref for Memory {
    type Target = Span;

    fn deref(&self) -> &Span {
        &self.span
    }
}

/// Memory that grows to what is asked of it and is kept from unit to unit.
#[derive(Default)]
pub(crate) struct Room(Option<Memory>);

impl Room {
    /// At least `bytes` bytes. What was in it is lost when it grows, and so are earlier spans of it.
    ///
    /// # Errors
    /// [`Fault::Memory`].
    pub fn of(&mut self, machine: &dyn Machine, bytes: usize) -> Result<Span, Fault> {
        if let Some(memory) = self.0.as_ref().filter(|memory| memory.bytes() >= bytes) {
            return Ok(**memory);
        }
        // The smaller one goes first: both may not fit.
        self.0 = None;
        Ok(**self.0.insert(machine.allocate(bytes.max(256))?))
    }
}
