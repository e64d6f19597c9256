//! Vectors in files: segments that are only appended to, the oldest of which goes when room runs
//! out.
//!
//! Invariant: a vector is believed only with its whole key and its checksum beside it, so neither a
//! kill, a power cut nor a damaged file can give a wrong one. Nothing is ever synced or repaired: a
//! record that is not whole is one that is not there. Deliberately knows nothing of models.
//!
//! A database would promise more than a cache needs: redb, for one, syncs or rewrites pages at each
//! commit, does not check what it reads, needs a second table to know what is oldest, and does not
//! give room back by itself.

mod segment;
mod store;
mod table;
mod writer;

pub(super) use store::Disk;
