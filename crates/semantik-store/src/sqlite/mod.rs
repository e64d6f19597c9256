//! SQLite: one write connection, a few readers, everything in one file.
//!
//! Files mirror the topics of the traits; `traits.rs` only delegates. SQL is written by hand: each
//! query is meant to be answered by one index, and the text is constant so that it is prepared once.

mod chunks;
mod collections;
mod commit;
mod db;
mod documents;
mod documents_change;
mod error;
mod jobs_claim;
mod jobs_end;
mod jobs_lease;
mod jobs_view;
mod migrations;
mod open;
mod operations;
mod sources;
mod spaces;
mod traits;

pub(crate) use open::{migrate, migration_status, open};
pub(crate) use spaces::open_spaces;

#[cfg(test)]
mod tests;
