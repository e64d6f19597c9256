//! What the syntax of a text in a programming language says about it: ranked places to cut and the
//! named items that enclose a place. A text without a grammar, too large, too slow to parse or
//! mostly broken has none, and is cut by its lines.

mod grammars;
mod hazards;
mod names;
mod parse;
mod walk;

pub(super) use parse::read;

/// A place where something begins that the syntax knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cut {
    pub at: usize,
    pub place: Place,
}

/// What a cut at a place would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// It would part the head of a block from what comes first in it.
    Head,
    /// Between two items; the larger number is the better cut, below `RANKS`.
    Between(u8),
    /// It would part an item from its comment or its attributes.
    Glued,
}

/// How many ranks of cuts there are; items nested deeper than that share the lowest.
pub(super) const RANKS: usize = 48;

/// A named item and where it lies, its comments and attributes included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Item {
    pub name: String,
    /// How many named items are around it.
    pub level: u8,
    pub start: usize,
    pub end: usize,
}

/// The syntax of a text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Syntax {
    /// In order, one for each place.
    pub cuts: Vec<Cut>,
    /// In order of their starts, outer before inner.
    pub items: Vec<Item>,
}
