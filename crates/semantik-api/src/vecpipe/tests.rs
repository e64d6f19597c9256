//! The service as a whole, on real engines with mock models.

mod dialects;
mod guards;
mod real_model;
mod service;
mod spaces;
