//! A plain set of row numbers, read 64 rows at a time by the scan.

use roaring::RoaringBitmap;

/// A set of rows; rows past the end are not in it.
#[derive(Debug, Clone, Default)]
pub(super) struct BitSet {
    words: Vec<u64>,
    len: u64,
}

impl BitSet {
    pub(super) fn insert(&mut self, row: u32) {
        let word = row as usize / 64;
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
        }
        let bit = 1u64 << (row % 64);
        self.len += u64::from(self.words[word] & bit == 0);
        self.words[word] |= bit;
    }

    pub(super) fn contains(&self, row: u32) -> bool {
        self.words.get(row as usize / 64).is_some_and(|word| word >> (row % 64) & 1 == 1)
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// The rows of `self` that are not in `other`, as a set.
    pub(super) fn without(mut self, other: &Self) -> Self {
        for (word, gone) in self.words.iter_mut().zip(&other.words) {
            *word &= !gone;
        }
        self.len = self.words.iter().map(|word| u64::from(word.count_ones())).sum();
        self
    }

    /// All rows below `end`.
    pub(super) fn all(end: usize) -> Self {
        let mut words = vec![u64::MAX; end / 64];
        if !end.is_multiple_of(64) {
            words.push((1u64 << (end % 64)) - 1);
        }
        Self { words, len: end as u64 }
    }

    /// Rows of the set in `start..end`, in order.
    pub(super) fn rows_in(&self, start: usize, end: usize) -> impl Iterator<Item = usize> + '_ {
        bits_in(start, end.min(self.words.len() * 64), |index| self.words[index])
    }

    /// Rows in `start..end` that are not in the set, in order.
    pub(super) fn missing_in(&self, start: usize, end: usize) -> impl Iterator<Item = usize> + '_ {
        bits_in(start, end, |index| !self.words.get(index).copied().unwrap_or(0))
    }

    pub(super) fn to_roaring(&self) -> RoaringBitmap {
        self.rows_in(0, self.words.len() * 64).map(|row| row as u32).collect()
    }

    pub(super) fn from_roaring(rows: &RoaringBitmap) -> Self {
        let mut set = Self::default();
        rows.iter().for_each(|row| set.insert(row));
        set
    }
}

/// Numbers in `start..end` whose bit is set in the words that `word` gives.
fn bits_in(start: usize, end: usize, word: impl Fn(usize) -> u64) -> impl Iterator<Item = usize> {
    (start / 64..end.div_ceil(64)).flat_map(move |index| {
        let mut word = word(index);
        std::iter::from_fn(move || {
            let bit = word.trailing_zeros() as usize;
            word &= word.wrapping_sub(1);
            (bit < 64).then_some(index * 64 + bit)
        })
        .filter(move |row| (start..end).contains(row))
    })
}

#[cfg(test)]
mod tests {
    use super::BitSet;

    #[test]
    fn rows_come_back_in_order_and_within_the_range() {
        let mut set = BitSet::default();
        [0, 63, 64, 200, 64].into_iter().for_each(|row| set.insert(row));
        assert_eq!(set.len(), 4);
        assert_eq!(set.rows_in(1, 200).collect::<Vec<_>>(), [63, 64]);
        assert_eq!(set.missing_in(62, 67).collect::<Vec<_>>(), [62, 65, 66]);
        assert_eq!(BitSet::from_roaring(&set.to_roaring()).rows_in(0, 256).collect::<Vec<_>>(), [0, 63, 64, 200]);
        assert_eq!(BitSet::all(130).without(&set).len(), 130 - 3);
    }
}
