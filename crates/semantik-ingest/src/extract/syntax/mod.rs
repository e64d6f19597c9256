//! Reads the syntax of code: ranked places to cut and named items. A text without a grammar, too
//! large, too hard to parse or mostly broken has none, and is cut by its lines. What is read of a text
//! does not depend on the machine or its load.

mod grammars;
mod hazards;
mod names;
mod parse;
mod walk;

pub use parse::read;
