//! One file per command: arguments, calls to the API, words.

pub mod collections;
pub mod doctor;
pub mod documents;
pub mod eval;
pub mod healthcheck;
pub mod index;
pub mod migrate;
pub mod models;
pub mod operations;
pub mod search;
pub mod serve;
pub mod vecpipe;
