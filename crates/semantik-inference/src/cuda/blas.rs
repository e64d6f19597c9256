//! Products by cublasLt: descriptors are made once per size, the algorithm once per layer.
//!
//! One algorithm, chosen for a typical number of tokens, serves every number of tokens, and none that
//! splits a sum over blocks is taken. A result then depends on its own row and on the weights alone.
//! Where the library does not take that algorithm for some size, it is asked for another and the log
//! says so.

use std::cell::RefCell;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ffi::c_void;
use std::sync::{Arc, Mutex, PoisonError};

use cudarc::cublaslt::result::{self, CublasError};
use cudarc::cublaslt::sys;

use crate::cuda::fault::Fault;
use crate::cuda::machine::Memory;
use crate::cuda::product::{Kind, Matrix, Operands, Product, Tier};

/// What NVIDIA recommends for Hopper; older cards need less.
pub(crate) const WORKSPACE_BYTES: usize = 32 << 20;
/// No splitting of a sum over blocks: the result would depend on how it is split.
const NO_REDUCTION: u32 = 0;
/// `CUBLAS_OP_T`.
const TURNED: i32 = 1;

/// Algorithms by layer, for all lanes alike.
pub(crate) type Algorithms = Arc<Mutex<HashMap<(Product, Tier), sys::cublasLtMatmulAlgo_t>>>;

/// The library as one lane uses it.
pub(crate) struct Blas {
    handle: sys::cublasLtHandle_t,
    workspace: Memory,
    plans: RefCell<HashMap<(Product, Tier), Plan>>,
    algorithms: Algorithms,
}

// SAFETY: the library's objects belong to no thread; a lane uses its own from one at a time.
unsafe impl Send for Blas {}

/// A product of one size, ready to run.
struct Plan {
    parts: Parts,
    algorithm: sys::cublasLtMatmulAlgo_t,
}

/// The library's description of a product.
struct Parts {
    operation: sys::cublasLtMatmulDesc_t,
    weights: sys::cublasLtMatrixLayout_t,
    input: sys::cublasLtMatrixLayout_t,
    output: sys::cublasLtMatrixLayout_t,
}

fn failure(error: CublasError) -> Fault {
    match error.0 {
        sys::cublasStatus_t::CUBLAS_STATUS_ALLOC_FAILED => Fault::Memory,
        _ => Fault::of("cublasLt", error),
    }
}

impl Blas {
    /// The library over `workspace`, which is [`WORKSPACE_BYTES`] large.
    ///
    /// # Errors
    /// When it does not start.
    pub fn new(workspace: Memory, algorithms: Algorithms) -> Result<Self, Fault> {
        let handle = result::create_handle().map_err(failure)?;
        Ok(Self { handle, workspace, plans: RefCell::default(), algorithms })
    }

    /// Queues `product` on `stream`.
    ///
    /// # Errors
    /// When no algorithm does it.
    ///
    /// # Safety
    /// The operands are memory of the current context, as large as the product says, and live until
    /// the stream is done.
    pub unsafe fn multiply(
        &self,
        product: &Product,
        operands: Operands,
        tier: Tier,
        stream: sys::cudaStream_t,
    ) -> Result<(), Fault> {
        let mut plans = self.plans.borrow_mut();
        let plan = match plans.entry((*product, tier)) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => place.insert(self.plan(product, tier)?),
        };
        if product.bias {
            let attribute = sys::cublasLtMatmulDescAttributes_t::CUBLASLT_MATMUL_DESC_BIAS_POINTER;
            plan.parts.set(attribute, &operands.bias)?;
        }
        // The factors are of the kind the sums are in; 8-bit products count in integers.
        let (float_one, float_none, one, none) = (1.0_f32, 0.0_f32, 1_i32, 0_i32);
        let (alpha, beta): (*const c_void, *const c_void) = if product.output.kind == Kind::I32 {
            ((&raw const one).cast(), (&raw const none).cast())
        } else {
            ((&raw const float_one).cast(), (&raw const float_none).cast())
        };
        let at = |address: u64| address as *const c_void;
        let Parts { operation, weights, input, output } = plan.parts;
        // SAFETY: the caller answers for the operands; the descriptors are alive.
        unsafe {
            result::matmul(
                self.handle,
                operation,
                alpha,
                beta,
                at(operands.weights),
                weights,
                at(operands.input),
                input,
                at(operands.output),
                output,
                operands.output as *mut c_void,
                output,
                &raw const plan.algorithm,
                self.workspace.holding(WORKSPACE_BYTES) as *mut c_void,
                WORKSPACE_BYTES,
                stream,
            )
        }
        .map_err(failure)
    }

    fn plan(&self, product: &Product, tier: Tier) -> Result<Plan, Fault> {
        let parts = Parts::new(product)?;
        let typical = product.over(tier.tokens());
        let known = self.algorithms.lock().unwrap_or_else(PoisonError::into_inner).get(&(typical, tier)).copied();
        let algorithm = match known {
            Some(algorithm) => algorithm,
            None => {
                let chosen = self.choose(&Parts::new(&typical)?)?;
                self.algorithms.lock().unwrap_or_else(PoisonError::into_inner).insert((typical, tier), chosen);
                chosen
            }
        };
        if self.takes(&parts, &algorithm) {
            return Ok(Plan { parts, algorithm });
        }
        tracing::warn!(
            ?product,
            "cublasLt takes another algorithm for this size: vectors may differ in their last bits by the texts beside them"
        );
        let algorithm = self.choose(&parts)?;
        Ok(Plan { parts, algorithm })
    }

    fn choose(&self, parts: &Parts) -> Result<sys::cublasLtMatmulAlgo_t, Fault> {
        let preference = Preference(result::create_matmul_pref().map_err(failure)?);
        let set = |attribute, value: *const c_void, bytes| {
            // SAFETY: the preference is alive, the value as large as said.
            unsafe { result::set_matmul_pref_attribute(preference.0, attribute, value, bytes) }.map_err(failure)
        };
        let (workspace, scheme) = (WORKSPACE_BYTES, NO_REDUCTION);
        set(
            sys::cublasLtMatmulPreferenceAttributes_t::CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
            (&raw const workspace).cast(),
            size_of_val(&workspace),
        )?;
        set(
            sys::cublasLtMatmulPreferenceAttributes_t::CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK,
            (&raw const scheme).cast(),
            size_of_val(&scheme),
        )?;
        let Parts { operation, weights, input, output } = *parts;
        // SAFETY: all descriptors are alive.
        let found = unsafe {
            result::get_matmul_algo_heuristic(self.handle, operation, weights, input, output, output, preference.0)
        };
        found.map(|found| found.algo).map_err(|error| Fault::of("cublasLt has no algorithm for a product", error))
    }

    fn takes(&self, parts: &Parts, algorithm: &sys::cublasLtMatmulAlgo_t) -> bool {
        let Parts { operation, weights, input, output } = *parts;
        let mut found = std::mem::MaybeUninit::<sys::cublasLtMatmulHeuristicResult_t>::zeroed();
        // SAFETY: all descriptors are alive; zeros are a valid result, whose status is success.
        unsafe {
            let status = sys::cublasLtMatmulAlgoCheck(
                self.handle,
                operation,
                weights,
                input,
                output,
                output,
                algorithm,
                found.as_mut_ptr(),
            );
            status.result().is_ok() && found.assume_init().workspaceSize <= WORKSPACE_BYTES
        }
    }
}

impl Drop for Blas {
    fn drop(&mut self) {
        self.plans.borrow_mut().clear();
        // SAFETY: made in `new`, destroyed once.
        if let Err(error) = unsafe { result::destroy_handle(self.handle) } {
            tracing::debug!(%error, "cublasLt was not let go");
        }
    }
}

impl Parts {
    fn new(product: &Product) -> Result<Self, Fault> {
        let integer = product.output.kind == Kind::I32;
        let (compute, scale) = if integer {
            (sys::cublasComputeType_t::CUBLAS_COMPUTE_32I, sys::cudaDataType_t::CUDA_R_32I)
        } else {
            // Not the faster form that cuts floats to 19 bits.
            (sys::cublasComputeType_t::CUBLAS_COMPUTE_32F, sys::cudaDataType_t::CUDA_R_32F)
        };
        let mut parts = Self {
            operation: result::create_matmul_desc(compute, scale).map_err(failure)?,
            weights: std::ptr::null_mut(),
            input: std::ptr::null_mut(),
            output: std::ptr::null_mut(),
        };
        parts.weights = layout(&product.weights)?;
        parts.input = layout(&product.input)?;
        parts.output = layout(&product.output)?;
        parts.set(sys::cublasLtMatmulDescAttributes_t::CUBLASLT_MATMUL_DESC_TRANSA, &TURNED)?;
        if product.bias {
            let epilogue = sys::cublasLtEpilogue_t::CUBLASLT_EPILOGUE_BIAS as u32;
            parts.set(sys::cublasLtMatmulDescAttributes_t::CUBLASLT_MATMUL_DESC_EPILOGUE, &epilogue)?;
        }
        Ok(parts)
    }

    fn set<T>(&self, attribute: sys::cublasLtMatmulDescAttributes_t, value: &T) -> Result<(), Fault> {
        let from = std::ptr::from_ref(value).cast();
        // SAFETY: the descriptor is alive, the value as large as said.
        unsafe { result::set_matmul_desc_attribute(self.operation, attribute, from, size_of::<T>()) }.map_err(failure)
    }
}

impl Drop for Parts {
    fn drop(&mut self) {
        let layouts = [self.weights, self.input, self.output].into_iter().filter(|layout| !layout.is_null());
        // SAFETY: made in `new`, destroyed once.
        let ends = unsafe {
            layouts
                .map(|layout| result::destroy_matrix_layout(layout))
                .chain([result::destroy_matmul_desc(self.operation)])
                .collect::<Result<(), _>>()
        };
        if let Err(error) = ends {
            tracing::debug!(%error, "a description of a product was not let go");
        }
    }
}

fn layout(matrix: &Matrix) -> Result<sys::cublasLtMatrixLayout_t, Fault> {
    let kind = match matrix.kind {
        Kind::F32 => sys::cudaDataType_t::CUDA_R_32F,
        Kind::F16 => sys::cudaDataType_t::CUDA_R_16F,
        Kind::Bf16 => sys::cudaDataType_t::CUDA_R_16BF,
        Kind::I8 => sys::cudaDataType_t::CUDA_R_8I,
        Kind::I32 => sys::cudaDataType_t::CUDA_R_32I,
    };
    result::create_matrix_layout(kind, matrix.rows, matrix.columns, matrix.stride).map_err(failure)
}

struct Preference(sys::cublasLtMatmulPreference_t);

impl Drop for Preference {
    fn drop(&mut self) {
        // SAFETY: made by `create_matmul_pref`, destroyed once.
        if let Err(error) = unsafe { result::destroy_matmul_pref(self.0) } {
            tracing::debug!(%error, "a preference was not let go");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Parts, sys};
    use crate::cuda::product::{Kind, Product};

    #[test]
    fn the_library_takes_the_descriptions_where_it_is_at_hand() {
        // SAFETY: loading the library runs its constructors, which it is made for.
        if !unsafe { sys::is_culib_present() } {
            println!("libcublasLt is not there; `scripts/gpu.sh kernels` fetches it and runs this test");
            return;
        }
        for (kind, output, bias) in [
            (Kind::F32, Kind::F32, true),
            (Kind::F16, Kind::F16, true),
            (Kind::Bf16, Kind::Bf16, false),
            (Kind::I8, Kind::I32, false),
        ] {
            let parts = Parts::new(&Product::linear(kind, output, 384, 1536, 64, bias)).expect("it is described");
            let mut turned = 0_i32;
            let mut written = 0;
            // SAFETY: the description is alive, the number as large as said.
            let status = unsafe {
                sys::cublasLtMatmulDescGetAttribute(
                    parts.operation,
                    sys::cublasLtMatmulDescAttributes_t::CUBLASLT_MATMUL_DESC_TRANSA,
                    (&raw mut turned).cast(),
                    4,
                    &raw mut written,
                )
            };
            assert_eq!((status, turned), (sys::cublasStatus_t::CUBLAS_STATUS_SUCCESS, super::TURNED));
        }
    }
}
