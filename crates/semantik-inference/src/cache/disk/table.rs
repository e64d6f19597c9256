//! Where every vector lies: 16 bytes an entry in memory, and the open segments.

use std::collections::BTreeMap;
use std::sync::Arc;

use hashbrown::HashTable;

use super::super::key::Key;
use super::segment::{Place, Segment};

/// The short forms of all keys, each with a place. Two keys of one short form are told apart by
/// the record; the later one is found.
#[derive(Default)]
pub(super) struct Table {
    entries: HashTable<Entry>,
    segments: BTreeMap<u32, Arc<Segment>>,
}

#[derive(Clone, Copy)]
struct Entry {
    short: u64,
    segment: u32,
    offset: u32,
}

/// A record that may be the one looked for.
pub(super) struct Found {
    pub segment: Arc<Segment>,
    pub offset: u32,
}

impl Table {
    /// Adds a segment that is newer than all others.
    pub fn add_segment(&mut self, number: u32, segment: Arc<Segment>) {
        self.segments.insert(number, segment);
    }

    /// Adds records of a segment.
    pub fn add(&mut self, segment: u32, places: &[Place]) {
        self.entries.reserve(places.len(), |entry| entry.short);
        for &Place { short, offset } in places {
            let entry = Entry { short, segment, offset };
            match self.entries.find_mut(short, |entry| entry.short == short) {
                Some(known) => *known = entry,
                None => {
                    self.entries.insert_unique(short, entry, |entry| entry.short);
                }
            }
        }
    }

    /// Where the vector of a key may lie.
    pub fn find(&self, key: &Key) -> Option<Found> {
        let short = key.short();
        let entry = self.entries.find(short, |entry| entry.short == short)?;
        Some(Found { segment: Arc::clone(self.segments.get(&entry.segment)?), offset: entry.offset })
    }

    /// Whether [`Self::find`] finds something.
    pub fn has(&self, key: &Key) -> bool {
        let short = key.short();
        self.entries.find(short, |entry| entry.short == short).is_some()
    }

    /// Forgets a record that turned out to be none.
    pub fn forget(&mut self, key: &Key, offset: u32) {
        let short = key.short();
        if let Ok(entry) = self.entries.find_entry(short, |entry| entry.short == short && entry.offset == offset) {
            entry.remove();
        }
    }

    /// Forgets a segment and all it holds.
    pub fn remove_segment(&mut self, number: u32) {
        self.segments.remove(&number);
        self.entries.retain(|entry| entry.segment != number);
    }

    /// The segment that is appended to, if there is one.
    pub fn segment(&self, number: u32) -> Option<Arc<Segment>> {
        self.segments.get(&number).cloned()
    }
}
