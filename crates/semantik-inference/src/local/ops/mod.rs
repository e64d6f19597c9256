//! Vector kernels of the encoder besides its linear layers: attention, norms, pooling.

pub(crate) mod activation;
pub(crate) mod attention;
mod functions;
mod isa;
pub(crate) mod norm;
pub(crate) mod pooling;
pub(crate) mod rotary;
mod simd;
#[cfg(test)]
mod testing;

pub(crate) use isa::Isa;
