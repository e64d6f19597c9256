//! Which instruction set the kernels run with.
//!
//! Found once at start and handed to every constructor, so that a test can force a lower set than
//! the machine has. Deliberately knows nothing of the kernels: it only names the sets and the two
//! numbers that the packed form of the weights takes from them.

use std::fmt;

/// An instruction set that the kernels exist for, from the widest to plain Rust.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Isa {
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

impl Isa {
    /// All of them, the preferred one first.
    pub(crate) const ALL: [Self; 7] =
        [Self::Avx512Vnni, Self::Avx512, Self::Avx2Vnni, Self::Avx2, Self::NeonDot, Self::Neon, Self::Portable];

    /// The best set of this machine. Ask once and keep the answer.
    pub(crate) fn detect() -> Self {
        Self::ALL.into_iter().find(|isa| isa.is_available()).unwrap_or(Self::Portable)
    }

    /// Whether this machine can run the set.
    pub(crate) fn is_available(self) -> bool {
        match self {
            Self::Avx512Vnni => has_avx512() && has_avx512_vnni(),
            Self::Avx512 => has_avx512(),
            Self::Avx2Vnni => has_avx2() && has_avx_vnni(),
            Self::Avx2 => has_avx2(),
            Self::NeonDot => has_neon_dot(),
            Self::Neon => cfg!(target_arch = "aarch64"),
            Self::Portable => true,
        }
    }

    /// Output columns that lie side by side in a packed panel: two vectors of 32-bit numbers.
    pub(crate) fn panel_width(self) -> usize {
        match self {
            Self::Avx512Vnni | Self::Avx512 => 32,
            Self::Avx2Vnni | Self::Avx2 | Self::Portable => 16,
            Self::NeonDot | Self::Neon => 8,
        }
    }

    /// The largest absolute value of an 8-bit weight. Without a dot product instruction two
    /// products of an unsigned and a signed byte are added in 16 bits, which holds 255 x 2 x 63.
    pub(crate) fn byte_weight_limit(self) -> i32 {
        match self {
            Self::Avx512 | Self::Avx2 => 63,
            Self::Avx512Vnni | Self::Avx2Vnni | Self::NeonDot | Self::Neon | Self::Portable => 127,
        }
    }

    /// What is added to an 8-bit activation: the x86 instructions want it unsigned.
    pub(crate) fn byte_zero_point(self) -> i32 {
        match self {
            Self::NeonDot | Self::Neon => 0,
            Self::Avx512Vnni | Self::Avx512 | Self::Avx2Vnni | Self::Avx2 | Self::Portable => 128,
        }
    }
}

impl fmt::Display for Isa {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Avx512Vnni => "avx512-vnni",
            Self::Avx512 => "avx512",
            Self::Avx2Vnni => "avx2-vnni",
            Self::Avx2 => "avx2",
            Self::NeonDot => "neon-dot",
            Self::Neon => "neon",
            Self::Portable => "portable",
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

fn has_avx512() -> bool {
    has_avx2() && x86_has!("avx512f", "avx512bw", "avx512vl", "avx512dq")
}

fn has_avx512_vnni() -> bool {
    x86_has!("avx512vnni")
}

fn has_avx2() -> bool {
    x86_has!("avx2", "fma")
}

fn has_avx_vnni() -> bool {
    x86_has!("avxvnni")
}

#[cfg(target_arch = "aarch64")]
fn has_neon_dot() -> bool {
    std::arch::is_aarch64_feature_detected!("dotprod")
}

#[cfg(not(target_arch = "aarch64"))]
fn has_neon_dot() -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::Isa;

    #[test]
    fn the_detected_set_is_available_and_portable_always_is() {
        assert!(Isa::detect().is_available());
        assert!(Isa::Portable.is_available());
    }
}
