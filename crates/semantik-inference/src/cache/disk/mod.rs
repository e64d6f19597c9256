//! Vectors in files: segments that are only appended to, the oldest of which goes when room runs
//! out.
//!
//! Invariant: a vector is believed only with its whole key and its checksum beside it, so neither a
//! kill, a power cut nor a damaged file can give a wrong one. Nothing is ever synced or repaired: a
//! record that is not whole is one that is not there. Deliberately knows nothing of models.
//!
//! Why no database: docs/adr/0009-embedding-cache.md.

mod segment;
mod store;
mod table;
mod writer;

pub(super) use store::Disk;
