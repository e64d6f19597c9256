//! Measuring search on judged queries: reading the judgements, running the queries, the figures.

pub mod cranfield;
pub mod judged;
pub mod metrics;
