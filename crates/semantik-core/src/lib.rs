//! The nouns of Semantik: typed ids, entities, state machines, queries, error codes and the clock.
//!
//! Pure: no I/O, no async, no engine. Every other crate speaks in these types; what an entity may
//! become next is decided here and nowhere else.

pub mod chunk;
pub mod clock;
pub mod collection;
pub mod document;
pub mod error;
pub mod fingerprint;
pub mod id;
pub mod job;
pub mod operation;
pub mod provider;
pub mod search;
pub mod secret;
pub mod source;
pub mod syntax;

pub use clock::{Clock, SystemClock, Timestamp};
pub use error::{ErrorClass, ErrorCode};
pub use fingerprint::Fingerprint;
pub use provider::Provider;
pub use secret::Secret;
