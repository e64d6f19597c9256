//! A card on the processor: the kernels' own text, compiled by the C compiler against
//! `tests/cuda/emulate.h`, and products computed from what cublasLt would be told.

use std::ffi::{c_int, c_ulonglong, c_void};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use libloading::{Library, Symbol};
use tempfile::TempDir;

use crate::cuda::card::Device;
use crate::cuda::fault::Fault;
use crate::cuda::kernels::{Form, text};
use crate::cuda::machine::{Launch, Machine, Memory, Span};
use crate::cuda::place::Place;
use crate::cuda::product::{Operands, Product, Tier, host};

/// The kernels of one form as a library of this process.
pub(crate) struct Emulator {
    library: Library,
    /// Bytes that may be allocated at once.
    pub largest: usize,
    /// Bytes that may be allocated now.
    pub free: Arc<AtomicUsize>,
    _folder: TempDir,
}

type Thread = unsafe extern "C" fn(*const c_void);
type Start = unsafe extern "C" fn(Thread, *const c_void, *const u32, u32, u32) -> c_int;

/// Memory at a multiple of 256, filled with what is no number.
#[repr(align(256))]
#[derive(Clone, Copy)]
struct Line(#[expect(dead_code, reason = "it is read and written by address")] [u8; 256]);

/// Memory that is given back when dropped.
struct Allocation {
    _lines: Vec<Line>,
    bytes: usize,
    free: Arc<AtomicUsize>,
}

impl Drop for Allocation {
    fn drop(&mut self) {
        self.free.fetch_add(self.bytes, Ordering::SeqCst);
    }
}

impl Emulator {
    /// Compiles the kernels; building this crate needs a C compiler anyway.
    pub fn new(form: Form) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (source, built) = (folder.path().join("kernels.c"), folder.path().join("kernels.so"));
        std::fs::write(&source, text()).expect("a temporary folder is writable");
        let header = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cuda/emulate.h");
        let options = ["-O1", "-shared", "-fPIC", "-std=gnu11", "-fno-strict-aliasing", "-U_FORTIFY_SOURCE", "-w"];
        let output = Command::new("cc")
            .args(options)
            .args(form.macros())
            .arg("-include")
            .args([&header, &source])
            .arg("-o")
            .args([&built])
            .arg("-lm")
            .output()
            .expect("a C compiler is there");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        // SAFETY: the library has no constructors.
        let library = unsafe { Library::new(&built) }.expect("the library loads");
        let free = Arc::new(AtomicUsize::new(usize::MAX / 2));
        Self { library, largest: usize::MAX, free, _folder: folder }
    }

    /// Bytes of the structure that a kernel takes.
    pub fn argument_bytes(&self, kernel: &str) -> Option<usize> {
        // SAFETY: the header defines it so for every kernel.
        let size: Symbol<'_, unsafe extern "C" fn() -> c_ulonglong> =
            unsafe { self.library.get(format!("{kernel}_bytes").as_bytes()) }.ok()?;
        // SAFETY: it reads nothing.
        Some(unsafe { size() } as usize)
    }
}

fn bytes_at(span: Span, count: usize) -> *mut u8 {
    std::ptr::with_exposed_provenance_mut(span.holding(count) as usize)
}

impl Machine for Emulator {
    fn allocate(&self, bytes: usize) -> Result<Memory, Fault> {
        if bytes > self.largest {
            return Err(Fault::Memory);
        }
        let left = |free: usize| free.checked_sub(bytes);
        self.free.fetch_update(Ordering::SeqCst, Ordering::SeqCst, left).map_err(|_| Fault::Memory)?;
        let mut lines = vec![Line([0xff; 256]); bytes.div_ceil(256).max(1)];
        let address = lines.as_mut_ptr().expose_provenance() as u64;
        let owner = Allocation { _lines: lines, bytes, free: Arc::clone(&self.free) };
        Ok(Memory::new(Span::new(address, bytes), Box::new(owner)))
    }

    fn upload(&self, bytes: &[u8], to: Span) -> Result<(), Fault> {
        // SAFETY: the span is of memory that `allocate` gave.
        unsafe { bytes_at(to, bytes.len()).copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
        Ok(())
    }

    fn download(&self, from: Span, bytes: &mut [u8]) -> Result<(), Fault> {
        // SAFETY: as above.
        unsafe { bytes.as_mut_ptr().copy_from_nonoverlapping(bytes_at(from, bytes.len()), bytes.len()) };
        Ok(())
    }

    fn finish(&self) -> Result<(), Fault> {
        Ok(())
    }

    unsafe fn launch(&self, launch: &Launch<'_>) -> Result<(), Fault> {
        let grid = [launch.grid.0, launch.grid.1];
        // SAFETY: the header defines both so; the caller answers for the arguments.
        let refused = unsafe {
            let thread: Symbol<'_, Thread> =
                self.library.get(format!("{}_thread", launch.kernel).as_bytes()).expect("the kernel is known");
            let start: Symbol<'_, Start> = self.library.get(b"emulated_launch").expect("the header defines it");
            start(*thread, launch.arguments.as_ptr().cast(), grid.as_ptr(), launch.threads, launch.shared)
        };
        if refused == 0 { Ok(()) } else { Err(Fault::of(launch.kernel, "the launch is too large")) }
    }

    unsafe fn multiply(&self, product: &Product, operands: Operands, _tier: Tier) -> Result<(), Fault> {
        // SAFETY: the caller answers for the operands.
        unsafe { host::multiply(product, operands) };
        Ok(())
    }
}

/// The emulated card, and the real one where there is one.
pub(crate) fn machines(form: Form) -> Vec<(&'static str, Box<dyn Machine>)> {
    let mut machines: Vec<(_, Box<dyn Machine>)> = vec![("emulated", Box::new(Emulator::new(form)))];
    match Place::choose(semantik_config::Device::Auto, None).expect("there is always a place") {
        Place::Gpu { gpu, .. } => {
            let device = Device::new(&gpu.card, form, None).expect("the card takes the kernels");
            machines.push(("card", Box::new(device.lane().expect("the card gives a lane"))));
        }
        Place::Cpu { why } => {
            println!("no card is there, only the emulated one is tested: {}", why.unwrap_or_default())
        }
    }
    machines
}

/// Numbers between -1 and 1, the same for the same seed.
pub(crate) fn noise(seed: u64, count: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..count).map(|_| next()).collect()
}
