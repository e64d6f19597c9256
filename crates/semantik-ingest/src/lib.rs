//! A source becomes chunks: listing files, reading them, extracting text, cutting it. Nothing is
//! stored here, and nothing here knows of jobs, vectors or indexes.
//!
//! - `connect/` lists and reads sources.
//! - `extract/` turns bytes into text with pages and headings, in a disposable child process of the
//!   same binary, because parsers of foreign formats hang, crash and eat memory.
//! - `chunk/` cuts text into spans; every chunk is exactly the text at its span.

pub mod chunk;
pub mod connect;
mod error;
pub mod extract;

pub use error::IngestError;
