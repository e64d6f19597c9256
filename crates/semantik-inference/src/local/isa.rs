//! Which vector instructions this process uses.
//!
//! Owns the one run-time choice between instruction sets: [`Isa::detect`] looks once, [`Isa::run`]
//! enters a [`Kernel`] with that set's features switched on. Kernels are written once, over
//! [`Simd`]; nothing else in the engine tests for a feature of the processor.
//!
//! Invariant: an [`Isa`] only ever comes from [`Isa::detect`] or [`Isa::available`], so holding
//! one proves that the machine has the instructions.

use std::fmt;
use std::sync::OnceLock;

use crate::local::simd::Simd;
#[cfg(target_arch = "x86_64")]
use crate::local::simd::avx2::Avx2;
#[cfg(target_arch = "x86_64")]
use crate::local::simd::avx512::Avx512;
#[cfg(target_arch = "aarch64")]
use crate::local::simd::neon::Neon;
use crate::local::simd::portable::Portable;

/// A set of vector instructions that this machine has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Isa(Set);

/// The sets that kernels exist for, the preferred one first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Set {
    /// x86-64 with 512-bit vectors and the 8- and 16-bit dot products on them.
    Avx512Vnni,
    /// x86-64 with 512-bit vectors.
    Avx512,
    /// x86-64 with 256-bit vectors, FMA, and the 8- and 16-bit dot products on them.
    Avx2Vnni,
    /// x86-64 with 256-bit vectors and FMA.
    Avx2,
    /// 64-bit Arm with its 128-bit vectors and the 8-bit dot product on them.
    NeonDot,
    /// 64-bit Arm with its 128-bit vectors.
    Neon,
    /// Plain Rust; what every machine can run.
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

    /// The best set of this machine, found at the first call.
    pub(crate) fn detect() -> Self {
        static BEST: OnceLock<Isa> = OnceLock::new();
        *BEST.get_or_init(|| Self::available()[0])
    }

    /// All sets of this machine, the best first; `PORTABLE` is the last.
    pub(crate) fn available() -> Vec<Self> {
        use Set::{Avx2, Avx2Vnni, Avx512, Avx512Vnni, Neon, NeonDot, Portable};
        let all = [Avx512Vnni, Avx512, Avx2Vnni, Avx2, NeonDot, Neon, Portable];
        all.into_iter().filter(|set| set.is_available()).map(Self).collect()
    }

    /// Which one it is.
    pub(crate) fn set(self) -> Set {
        self.0
    }

    /// Does `kernel` with this set.
    #[inline]
    pub(crate) fn run(self, kernel: impl Kernel) {
        match self.0 {
            // SAFETY: the value exists only where `available` has found the features.
            #[cfg(target_arch = "x86_64")]
            Set::Avx512Vnni | Set::Avx512 => unsafe { run_avx512(kernel) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Set::Avx2Vnni | Set::Avx2 => unsafe { run_avx2(kernel) },
            // SAFETY: as above.
            #[cfg(target_arch = "aarch64")]
            Set::NeonDot | Set::Neon => unsafe { run_neon(kernel) },
            // The sets of other architectures are never available.
            _ => kernel.run(Portable),
        }
    }
}

impl fmt::Display for Isa {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self.0 {
            Set::Avx512Vnni => "avx512-vnni",
            Set::Avx512 => "avx512",
            Set::Avx2Vnni => "avx2-vnni",
            Set::Avx2 => "avx2",
            Set::NeonDot => "neon-dot",
            Set::Neon => "neon",
            Set::Portable => "portable",
        })
    }
}

/// Whether the processor has these features; `false` on another architecture.
macro_rules! x86_has {
    ($($feature:tt),+) => {{
        #[cfg(target_arch = "x86_64")]
        let found = $(is_x86_feature_detected!($feature))&&+;
        #[cfg(not(target_arch = "x86_64"))]
        let found = false;
        found
    }};
}

impl Set {
    fn is_available(self) -> bool {
        let avx2 = || x86_has!("avx2", "fma");
        let avx512 = || avx2() && x86_has!("avx512f", "avx512bw", "avx512vl", "avx512dq");
        match self {
            Self::Avx512Vnni => avx512() && x86_has!("avx512vnni"),
            Self::Avx512 => avx512(),
            Self::Avx2Vnni => avx2() && x86_has!("avxvnni"),
            Self::Avx2 => avx2(),
            Self::NeonDot => has_neon_dot(),
            Self::Neon => cfg!(target_arch = "aarch64"),
            Self::Portable => true,
        }
    }
}

#[cfg(target_arch = "aarch64")]
fn has_neon_dot() -> bool {
    std::arch::is_aarch64_feature_detected!("dotprod")
}

#[cfg(not(target_arch = "aarch64"))]
fn has_neon_dot() -> bool {
    false
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
