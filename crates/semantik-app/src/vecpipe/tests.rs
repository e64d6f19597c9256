//! The service on real engines, with models that need no weights.

mod doubles;
mod models;
mod spaces;
