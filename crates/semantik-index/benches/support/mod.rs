//! What benchmarks measure on.

pub mod corpus;
