//! Which cards there are, without ever failing where there is none.
//!
//! The bindings load a library when a function of it is first called, and panic when it is missing.
//! So it is looked for first, and what may still panic is caught.

use std::panic::{UnwindSafe, catch_unwind};

use cudarc::driver::result::{device, init};
use cudarc::driver::sys::{CUdevice_attribute, cuDriverGetVersion};
use cudarc::{cublaslt, driver, nvrtc};

/// What the kernels need: bfloat16 and the tensor cores' 16 x 8 x 16 step, from Ampere on.
const LEAST_CAPABILITY: (i32, i32) = (8, 0);

/// An NVIDIA card, numbered as the driver does: `CUDA_VISIBLE_DEVICES` leaves out and orders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    pub number: usize,
    /// As the maker calls it, for example `NVIDIA H200`.
    pub name: String,
    /// Its generation, for example (9, 0).
    pub capability: (i32, i32),
    /// Bytes of its memory.
    pub memory: u64,
    /// The newest CUDA the driver knows, for example (13, 0).
    pub driver: (i32, i32),
}

impl Card {
    /// Whether the kernels run on it, and why not.
    ///
    /// # Errors
    /// One sentence.
    pub fn check(&self) -> Result<(), String> {
        if self.capability >= LEAST_CAPABILITY {
            return Ok(());
        }
        let (major, minor) = self.capability;
        Err(format!("{} has compute capability {major}.{minor}; 8.0 (Ampere) or newer is needed", self.name))
    }

    /// The card in one line.
    pub fn describe(&self) -> String {
        let Self { number, name, capability, memory, driver } = self;
        let gib = *memory as f64 / f64::from(1 << 30);
        format!(
            "GPU {number}: {name}, {gib:.0} GiB, compute capability {}.{}, driver for CUDA {}.{}",
            capability.0, capability.1, driver.0, driver.1
        )
    }
}

/// All cards that the driver shows. Never panics, and needs no more than the driver.
///
/// # Errors
/// One sentence that says why there is none.
pub fn probe() -> Result<Vec<Card>, String> {
    // SAFETY: loading the driver's library runs its constructors, which it is made for.
    if !unsafe { driver::sys::is_culib_present() } {
        return Err("there is no NVIDIA driver (libcuda is missing)".into());
    }
    guarded("the NVIDIA driver", cards)
}

/// Whether the libraries that computing needs are there too.
///
/// # Errors
/// One sentence that names the missing one and what carries it.
pub(crate) fn libraries() -> Result<(), String> {
    // SAFETY: as above.
    let (blas, compiler) = unsafe { (cublaslt::sys::is_culib_present(), nvrtc::sys::is_culib_present()) };
    let missing = match (blas, compiler) {
        (true, true) => return Ok(()),
        (false, _) => "libcublasLt",
        (true, false) => "libnvrtc",
    };
    Err(format!(
        "{missing} is missing; install CUDA 12 or 13 (the packages of cuBLAS and NVRTC are enough) or put its folder into LD_LIBRARY_PATH"
    ))
}

/// Runs `work`; a panic of the bindings, for want of a function in an old library, becomes a sentence.
///
/// # Errors
/// What `work` says, or that.
pub(crate) fn guarded<T>(what: &str, work: impl FnOnce() -> Result<T, String> + UnwindSafe) -> Result<T, String> {
    catch_unwind(work).unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref().copied());
        Err(format!("{what} cannot be used: {}", said.unwrap_or("it is older than CUDA 12")))
    })
}

fn cards() -> Result<Vec<Card>, String> {
    let fail = |error: driver::DriverError| format!("the NVIDIA driver does not start: {error}");
    init().map_err(fail)?;
    let mut version = 0;
    // SAFETY: it writes one number.
    unsafe { cuDriverGetVersion(&raw mut version) }.result().map_err(fail)?;
    let count = device::get_count().map_err(fail)?;
    if count == 0 {
        return Err("the NVIDIA driver shows no card (CUDA_VISIBLE_DEVICES may hide it)".into());
    }
    let one = |number: i32| {
        let handle = device::get(number)?;
        // SAFETY: the handle is the driver's own.
        let (memory, major, minor) = unsafe {
            let part = |which| device::get_attribute(handle, which);
            (
                device::total_mem(handle)? as u64,
                part(CUdevice_attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)?,
                part(CUdevice_attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)?,
            )
        };
        let driver = (version / 1000, version % 1000 / 10);
        Ok(Card {
            number: number as usize,
            name: device::get_name(handle)?,
            capability: (major, minor),
            memory,
            driver,
        })
    };
    (0..count).map(one).collect::<Result<_, _>>().map_err(fail)
}

#[cfg(test)]
mod tests {
    use super::{Card, guarded, probe};

    #[test]
    fn probing_gives_cards_or_a_reason_and_never_panics() {
        match probe() {
            Ok(cards) => {
                cards.iter().for_each(|card| println!("{}", card.describe()));
                assert!(cards.iter().all(|card| card.memory > 0 && !card.name.is_empty()));
            }
            Err(why) => {
                println!("no card is there: {why}");
                assert!(why.contains("NVIDIA driver"), "{why}");
            }
        }
    }

    #[test]
    fn a_panic_of_the_bindings_becomes_a_sentence() {
        let said = guarded("the library", || -> Result<(), String> { panic!("Missing symbol x") });
        assert_eq!(said, Err("the library cannot be used: Missing symbol x".into()));
    }

    #[test]
    fn an_old_card_is_told_from_a_usable_one() {
        let card = |capability| Card { number: 0, name: "T".into(), capability, memory: 16 << 30, driver: (13, 0) };
        assert!(card((7, 5)).check().is_err_and(|why| why.contains("7.5")));
        assert!(card((9, 0)).check().is_ok());
        assert_eq!(card((9, 0)).describe(), "GPU 0: T, 16 GiB, compute capability 9.0, driver for CUDA 13.0");
    }
}
