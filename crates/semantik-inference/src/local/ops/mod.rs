//! Vector kernels of a model besides its linear layers: attention, norms, curves, pooling.

pub(crate) mod activation;
pub(crate) mod attention;
mod functions;
pub(crate) mod norm;
pub(crate) mod pooling;
pub(crate) mod rotary;
#[cfg(test)]
pub(crate) mod testing;
