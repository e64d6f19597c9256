//! The embedded engine: a flat dense index and a tantivy index per generation, in one folder.

mod dense;
mod engine;
mod files;
mod index;
mod lexical;
mod meta;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub(crate) use engine::open;
