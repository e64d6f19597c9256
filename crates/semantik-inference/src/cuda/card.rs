//! A card as a [`Machine`]: one stream, the kernels' code, cublasLt.

use std::collections::HashMap;
use std::ffi::c_void;
use std::path::Path;
use std::sync::Arc;

use cudarc::driver::result::{self, DriverError};
use cudarc::driver::sys::{CUfunction_attribute_enum, CUresult};
use cudarc::driver::{CudaContext, CudaFunction, CudaStream};
use cudarc::nvrtc::Ptx;

use crate::cuda::blas::{Algorithms, Blas, WORKSPACE_BYTES};
use crate::cuda::compiler;
use crate::cuda::fault::Fault;
use crate::cuda::kernels::Form;
use crate::cuda::machine::{Launch, Machine, Memory, Span};
use crate::cuda::probe::Card;
use crate::cuda::product::{Operands, Product, Tier};

/// Shared memory that a kernel gets without being asked for.
const USUAL_SHARED_BYTES: u32 = 48 * 1024;

/// A card with its kernels, from which lanes are made.
pub(crate) struct Device {
    context: Arc<CudaContext>,
    functions: Arc<HashMap<&'static str, CudaFunction>>,
    algorithms: Algorithms,
}

/// One order of work on a card; used by one thread at a time.
pub(crate) struct Lane {
    context: Arc<CudaContext>,
    stream: Arc<CudaStream>,
    functions: Arc<HashMap<&'static str, CudaFunction>>,
    blas: Blas,
}

/// Memory that is given back when dropped.
struct Allocation {
    address: u64,
    context: Arc<CudaContext>,
}

impl Drop for Allocation {
    fn drop(&mut self) {
        // Work that uses it may still be queued. Memory is freed so rarely that waiting costs nothing.
        let waited = self.context.synchronize();
        // SAFETY: allocated by `allocate`, freed once, and nothing uses it any more.
        let freed = waited.and_then(|()| unsafe { result::free_sync(self.address) });
        if let Err(error) = freed {
            tracing::debug!(%error, "memory of the GPU was not let go");
        }
    }
}

fn failure(error: DriverError) -> Fault {
    match error.0 {
        CUresult::CUDA_ERROR_OUT_OF_MEMORY => Fault::Memory,
        _ => Fault::of("the NVIDIA driver", error),
    }
}

impl Device {
    /// Takes `card` into use, with the kernels of `form`; `kept` is where compiled kernels lie.
    ///
    /// # Errors
    /// When the driver or the compiler fails.
    pub fn new(card: &Card, form: Form, kept: Option<&Path>) -> Result<Self, Fault> {
        let context = CudaContext::new(card.number).map_err(failure)?;
        let code = compiler::code(form, card.capability, kept)?;
        let module = context.load_module(Ptx::from_binary(code)).map_err(failure)?;
        let mut functions = HashMap::new();
        for name in form.names() {
            functions.insert(name, module.load_function(name).map_err(failure)?);
        }
        Ok(Self { context, functions: Arc::new(functions), algorithms: Algorithms::default() })
    }

    /// A new order of work.
    ///
    /// # Errors
    /// When the driver or cublasLt fails, or memory is full.
    pub fn lane(&self) -> Result<Lane, Fault> {
        self.context.bind_to_thread().map_err(failure)?;
        let stream = self.context.new_stream().map_err(failure)?;
        let blas = Blas::new(allocate(&self.context, WORKSPACE_BYTES)?, Arc::clone(&self.algorithms))?;
        let (context, functions) = (Arc::clone(&self.context), Arc::clone(&self.functions));
        Ok(Lane { context, stream, functions, blas })
    }
}

fn allocate(context: &Arc<CudaContext>, bytes: usize) -> Result<Memory, Fault> {
    context.bind_to_thread().map_err(failure)?;
    // SAFETY: nothing reads it before it is written.
    let address = unsafe { result::malloc_sync(bytes) }.map_err(failure)?;
    let owner = Allocation { address, context: Arc::clone(context) };
    Ok(Memory::new(Span::new(address, bytes), Box::new(owner)))
}

impl Machine for Lane {
    fn allocate(&self, bytes: usize) -> Result<Memory, Fault> {
        allocate(&self.context, bytes.max(1))
    }

    fn upload(&self, bytes: &[u8], to: Span) -> Result<(), Fault> {
        self.context.bind_to_thread().map_err(failure)?;
        // SAFETY: the span is as large, and `bytes` lives until the stream is done: where a card reads the
        // host's pages by itself, it may still be reading when the call returns.
        unsafe { result::memcpy_htod_async(to.holding(bytes.len()), bytes, self.stream.cu_stream()) }
            .and_then(|()| self.stream.synchronize())
            .map_err(failure)
    }

    fn download(&self, from: Span, bytes: &mut [u8]) -> Result<(), Fault> {
        self.context.bind_to_thread().map_err(failure)?;
        // SAFETY: the span is as large, and `bytes` lives until the stream is done.
        unsafe { result::memcpy_dtoh_async(bytes, from.holding(bytes.len()), self.stream.cu_stream()) }
            .and_then(|()| self.stream.synchronize())
            .map_err(failure)
    }

    fn finish(&self) -> Result<(), Fault> {
        self.stream.synchronize().map_err(failure)
    }

    unsafe fn launch(&self, launch: &Launch<'_>) -> Result<(), Fault> {
        let function = &self.functions[launch.kernel];
        if launch.shared > USUAL_SHARED_BYTES {
            let most = CUfunction_attribute_enum::CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
            function.set_attribute(most, launch.shared as i32).map_err(failure)?;
        }
        let mut arguments = [launch.arguments.as_ptr().cast_mut().cast::<c_void>()];
        // SAFETY: the caller answers for the arguments; the driver copies the structure.
        unsafe {
            result::launch_kernel(
                function.cu_function(),
                (launch.grid.0, launch.grid.1, 1),
                (launch.threads, 1, 1),
                launch.shared,
                self.stream.cu_stream(),
                &mut arguments,
            )
        }
        .map_err(failure)
    }

    unsafe fn multiply(&self, product: &Product, operands: Operands, tier: Tier) -> Result<(), Fault> {
        let stream = self.stream.cu_stream().cast();
        // SAFETY: the caller answers for the operands.
        unsafe { self.blas.multiply(product, operands, tier, stream) }
    }
}
