//! The cases every engine must pass. An engine's test opens a fresh site and runs each case on it.

mod compaction;
mod durability;
mod filters;
mod limits;
mod points;
mod recall;
mod site;
mod vectors;
mod words;

pub use site::{Case, Need, Site};

/// Every case, by topic.
pub const CASES: &[&[Case]] = &[
    points::CASES,
    filters::CASES,
    words::CASES,
    vectors::CASES,
    recall::CASES,
    limits::CASES,
    durability::CASES,
    compaction::CASES,
];
