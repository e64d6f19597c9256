//! Which vector instructions this process uses.
//!
//! Owns the one run-time choice between instruction sets: [`Isa::detect`] looks once, [`Isa::run`]
//! enters a [`Kernel`] with that set's features switched on. Kernels are written once, over
//! [`Simd`]; nothing else in the engine tests for a CPU feature.
//!
//! Invariant: an `Isa` other than `Portable` is only ever obtained from [`Isa::detect`] or
//! [`Isa::available`], so holding one proves that the CPU has the instructions.

use std::sync::OnceLock;

use crate::local::ops::simd::Simd;
#[cfg(target_arch = "x86_64")]
use crate::local::ops::simd::avx2::Avx2;
#[cfg(target_arch = "x86_64")]
use crate::local::ops::simd::avx512::Avx512;
#[cfg(target_arch = "aarch64")]
use crate::local::ops::simd::neon::Neon;
use crate::local::ops::simd::portable::Portable;

/// A set of vector instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Isa(Set);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Set {
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "aarch64")]
    Neon,
    Portable,
}

/// Work that is written once and compiled for every instruction set.
pub(crate) trait Kernel {
    /// Does the work. Must be `#[inline(always)]`, and so must everything it calls that takes a
    /// [`Simd`]: code that is not inlined is compiled without the instructions.
    fn run<S: Simd>(self, simd: S);
}

impl Isa {
    /// Runs on every machine; the reference for the others.
    pub(crate) const PORTABLE: Self = Self(Set::Portable);

    /// The widest set of this machine, found at the first call.
    pub(crate) fn detect() -> Self {
        static BEST: OnceLock<Isa> = OnceLock::new();
        *BEST.get_or_init(|| Self::available()[0])
    }

    /// All sets of this machine, widest first; `PORTABLE` is the last.
    pub(crate) fn available() -> Vec<Self> {
        let mut sets = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
            let avx512 = is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512vl");
            if avx2 && avx512 {
                sets.push(Self(Set::Avx512));
            }
            if avx2 {
                sets.push(Self(Set::Avx2));
            }
        }
        #[cfg(target_arch = "aarch64")]
        if std::arch::is_aarch64_feature_detected!("neon") {
            sets.push(Self(Set::Neon));
        }
        sets.push(Self::PORTABLE);
        sets
    }

    /// The name that a report shows.
    pub(crate) fn name(self) -> &'static str {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Set::Avx512 => "avx512",
            #[cfg(target_arch = "x86_64")]
            Set::Avx2 => "avx2",
            #[cfg(target_arch = "aarch64")]
            Set::Neon => "neon",
            Set::Portable => "portable",
        }
    }

    /// Does `kernel` with this set.
    pub(crate) fn run(self, kernel: impl Kernel) {
        match self.0 {
            // SAFETY: the value exists only where `available` has found the features.
            #[cfg(target_arch = "x86_64")]
            Set::Avx512 => unsafe { run_avx512(kernel) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Set::Avx2 => unsafe { run_avx2(kernel) },
            // SAFETY: as above.
            #[cfg(target_arch = "aarch64")]
            Set::Neon => unsafe { run_neon(kernel) },
            Set::Portable => kernel.run(Portable),
        }
    }
}

/// # Safety
/// The CPU has the features named.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,avx2,fma")]
unsafe fn run_avx512(kernel: impl Kernel) {
    // SAFETY: the caller vouches for the features.
    kernel.run(unsafe { Avx512::new() });
}

/// # Safety
/// The CPU has the features named.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn run_avx2(kernel: impl Kernel) {
    // SAFETY: the caller vouches for the features.
    kernel.run(unsafe { Avx2::new() });
}

/// # Safety
/// The CPU has the features named.
#[cfg(target_arch = "aarch64")]
#[target_feature(enable = "neon")]
unsafe fn run_neon(kernel: impl Kernel) {
    // SAFETY: the caller vouches for the features.
    kernel.run(unsafe { Neon::new() });
}

#[cfg(test)]
mod tests {
    use super::Isa;

    #[test]
    fn the_best_set_is_the_first_and_portable_the_last() {
        let sets = Isa::available();
        assert_eq!(sets[0], Isa::detect());
        assert_eq!(sets.last(), Some(&Isa::PORTABLE));
    }
}
