//! Linear layers on the processor: packed weights times rows of activations, in 32-bit floats,
//! 16-bit fixed point or 8 bits, with bias, activation or residual done on the way out.
//!
//! Invariant: a row's result is bit for bit the same whatever rows are beside it.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod drive;
mod layer;
mod line;
#[cfg(target_arch = "aarch64")]
mod neon;
mod output;
mod pack;
mod portable;
mod precision;
mod rows;
#[cfg(test)]
mod tests;
mod tile;

pub(crate) use crate::local::ops::activation::Activation;
pub(crate) use layer::{Finish, Linear};
pub(crate) use line::{LINE, Lines, bytes_of};
pub(crate) use output::Output;
pub(crate) use precision::Precision;
pub(crate) use rows::Rows;
