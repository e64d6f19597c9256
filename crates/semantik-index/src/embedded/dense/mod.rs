//! The dense leg: a flat index of sign bits for the scan, with finer codes for the re-score.

mod bitset;
mod code;
mod columns;
mod commit;
mod compact;
mod kernel;
mod part;
mod scan;
mod table;

pub(super) use part::{DensePart, Row};
