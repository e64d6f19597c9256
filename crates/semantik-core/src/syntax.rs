//! What the syntax of a text in a programming language says about it, as plain data: ranked places to
//! cut and the named items that enclose a place. Stored with the text, so its JSON is tuples.

use serde::{Deserialize, Serialize};

/// The syntax of a text. All offsets are byte offsets into it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Syntax {
    /// In order, one for each place.
    pub cuts: Vec<Cut>,
    /// In order of their starts, outer before inner.
    pub items: Vec<Item>,
}

/// A place where something begins that the syntax knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(usize, u8)", into = "(usize, u8)")]
pub struct Cut {
    pub at: usize,
    pub place: Place,
}

/// What a cut at a place would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// It would part the head of a block from what comes first in it.
    Head,
    /// Between two items; the larger number is the better cut, below [`Place::RANKS`].
    Between(u8),
    /// It would part an item from its comment or its attributes.
    Glued,
}

impl Place {
    /// How many ranks of cuts there are; items nested deeper than that share the lowest.
    pub const RANKS: u8 = 48;
}

const HEAD: u8 = Place::RANKS;
const GLUED: u8 = HEAD + 1;

impl From<(usize, u8)> for Cut {
    fn from((at, place): (usize, u8)) -> Self {
        let place = match place {
            HEAD => Place::Head,
            GLUED => Place::Glued,
            rank => Place::Between(rank.min(Place::RANKS - 1)),
        };
        Self { at, place }
    }
}

impl From<Cut> for (usize, u8) {
    fn from(cut: Cut) -> Self {
        let place = match cut.place {
            Place::Head => HEAD,
            Place::Between(rank) => rank.min(Place::RANKS - 1),
            Place::Glued => GLUED,
        };
        (cut.at, place)
    }
}

/// A named item and where it lies, its comments and attributes included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(String, u8, usize, usize)", into = "(String, u8, usize, usize)")]
pub struct Item {
    pub name: String,
    /// How many named items are around it.
    pub level: u8,
    pub start: usize,
    pub end: usize,
}

impl From<(String, u8, usize, usize)> for Item {
    fn from((name, level, start, end): (String, u8, usize, usize)) -> Self {
        Self { name, level, start, end }
    }
}

impl From<Item> for (String, u8, usize, usize) {
    fn from(Item { name, level, start, end }: Item) -> Self {
        (name, level, start, end)
    }
}

#[cfg(test)]
mod tests {
    use super::{Cut, Item, Place, Syntax};

    #[test]
    fn the_stored_form_is_short_and_comes_back_whole() {
        let cut = |at, place| Cut { at, place };
        let cuts = vec![cut(0, Place::Between(46)), cut(7, Place::Glued), cut(9, Place::Head)];
        let items = vec![Item { name: "fn a".to_owned(), level: 0, start: 0, end: 20 }];
        let syntax = Syntax { cuts, items };
        let json = serde_json::to_string(&syntax).expect("plain data");
        assert_eq!(json, r#"{"cuts":[[0,46],[7,49],[9,48]],"items":[["fn a",0,0,20]]}"#);
        assert_eq!(serde_json::from_str::<Syntax>(&json).expect("was written so"), syntax);
    }
}
