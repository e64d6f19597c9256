//! The lexical leg: BM25 over stemmed words, with phrases, prefixes and exact identifiers.

mod analysis;
mod best;
mod highlight;
mod part;
mod query;
mod schema;

pub(super) use part::LexicalPart;
