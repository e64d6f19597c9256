//! How good and how fast each precision of a model is, measured on this machine and kept beside the
//! model.

mod measure;
mod passages;
mod report;
mod retrieval;

pub use measure::{Plan, measure, resident_bytes};
pub use passages::Texts;
pub use report::{Quality, kept};
pub use retrieval::Judged;
