//! Which row holds a point, and which rows hold a document: about 40 bytes a point in memory.

use hashbrown::HashTable;

const NONE: u32 = u32::MAX;

type Id = [u8; 16];

/// Both directions between ids and rows. A row that was removed stays in its document's chain, so
/// whoever walks a chain asks whether the row is dead.
#[derive(Default)]
pub(super) struct Table {
    ids: Vec<Id>,
    /// Number of the row's document.
    document_of: Vec<u32>,
    /// The row before it of the same document.
    previous: Vec<u32>,
    by_id: HashTable<u32>,
    documents: Vec<Document>,
    by_document: HashTable<u32>,
}

struct Document {
    id: Id,
    last_row: u32,
}

impl Table {
    /// Adds the next row. Returns the row it replaces.
    pub(super) fn push(&mut self, id: Id, document: Id) -> Option<u32> {
        let row = self.ids.len() as u32;
        let number = self.document_number(document);
        self.ids.push(id);
        self.document_of.push(number);
        let last = &mut self.documents[number as usize].last_row;
        self.previous.push(std::mem::replace(last, row));
        let (ids, hash) = (&self.ids, hash(&id));
        if let Some(found) = self.by_id.find_mut(hash, |row| ids[*row as usize] == id) {
            return Some(std::mem::replace(found, row));
        }
        self.by_id.insert_unique(hash, row, |row| self::hash(&ids[*row as usize]));
        None
    }

    /// Adds the next row without making it the row of its id: it is dead.
    pub(super) fn push_dead(&mut self, id: Id) {
        self.ids.push(id);
        self.document_of.push(NONE);
        self.previous.push(NONE);
    }

    fn document_number(&mut self, id: Id) -> u32 {
        let (documents, hash) = (&self.documents, hash(&id));
        if let Some(number) = self.by_document.find(hash, |number| documents[*number as usize].id == id) {
            return *number;
        }
        let number = self.documents.len() as u32;
        self.documents.push(Document { id, last_row: NONE });
        let documents = &self.documents;
        self.by_document.insert_unique(hash, number, |number| self::hash(&documents[*number as usize].id));
        number
    }

    pub(super) fn row(&self, id: &Id) -> Option<u32> {
        self.by_id.find(hash(id), |row| self.ids[*row as usize] == *id).copied()
    }

    pub(super) fn remove(&mut self, id: &Id) -> Option<u32> {
        let ids = &self.ids;
        let entry = self.by_id.find_entry(hash(id), |row| ids[*row as usize] == *id).ok()?;
        Some(entry.remove().0)
    }

    /// Rows of a document, newest first, dead ones too.
    pub(super) fn document_rows(&self, document: Id) -> impl Iterator<Item = u32> + '_ {
        let number = self.by_document.find(hash(&document), |number| self.documents[*number as usize].id == document);
        let first = number.map_or(NONE, |number| self.documents[*number as usize].last_row);
        let some = |row: u32| (row != NONE).then_some(row);
        std::iter::successors(some(first), move |row| some(self.previous[*row as usize]))
    }

    /// Every live row.
    pub(super) fn rows(&self) -> impl Iterator<Item = u32> + '_ {
        self.by_id.iter().copied()
    }

    pub(super) fn id(&self, row: u32) -> Id {
        self.ids[row as usize]
    }

    /// The document of a live row.
    pub(super) fn document(&self, row: u32) -> Id {
        self.documents[self.document_of[row as usize] as usize].id
    }

    /// Live rows.
    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }
}

/// Ids are random or derived from random ones; folding the halves spreads the time-ordered ones too.
fn hash(id: &Id) -> u64 {
    let (low, high) = (u128::from_le_bytes(*id) as u64, (u128::from_le_bytes(*id) >> 64) as u64);
    let product = u128::from(low ^ 0x9e37_79b9_7f4a_7c15) * u128::from(high ^ 0xd1b5_4a32_d192_ed03);
    (product >> 64) as u64 ^ product as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_later_row_of_an_id_wins_and_documents_find_their_rows() {
        let mut table = Table::default();
        let id = |value: u8| [value; 16];
        assert_eq!(table.push(id(1), id(100)), None);
        table.push_dead(id(9));
        assert_eq!(table.push(id(2), id(100)), None);
        assert_eq!(table.push(id(1), id(101)), Some(0));
        assert_eq!(table.row(&id(1)), Some(3));
        assert_eq!(table.row(&id(9)), None);
        assert_eq!(table.document_rows(id(100)).collect::<Vec<_>>(), [2, 0]);
        assert_eq!(table.document(3), id(101));
        assert_eq!(table.remove(&id(1)), Some(3));
        assert_eq!((table.row(&id(1)), table.len()), (None, 1));
    }
}
