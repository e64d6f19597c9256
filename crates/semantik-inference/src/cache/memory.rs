//! The vectors used last, up to a number of bytes.

use std::sync::{Mutex, MutexGuard, PoisonError};

use lru::LruCache;

use super::Vector;
use super::key::Key;

/// What an entry takes beside its numbers: key, links, counters and a place in the table.
const ENTRY_BYTES: usize = 128;

/// A map that forgets what was not used for longest.
pub(super) struct Memory {
    most_bytes: usize,
    recent: Mutex<Recent>,
}

struct Recent {
    vectors: LruCache<Key, Vector>,
    bytes: usize,
}

impl Memory {
    /// An empty one that holds up to `most_bytes`; with 0 it holds nothing.
    pub fn new(most_bytes: usize) -> Self {
        Self { most_bytes, recent: Mutex::new(Recent { vectors: LruCache::unbounded(), bytes: 0 }) }
    }

    /// The vector of a key, if it is here.
    pub fn get(&self, key: &Key) -> Option<Vector> {
        self.lock().vectors.get(key).cloned()
    }

    /// Keeps a vector, and lets others go for it.
    pub fn put(&self, key: Key, vector: Vector) {
        let bytes = bytes_of(&vector);
        if bytes > self.most_bytes {
            return;
        }
        let mut recent = self.lock();
        recent.bytes += bytes;
        if let Some((_, before)) = recent.vectors.push(key, vector) {
            recent.bytes -= bytes_of(&before);
        }
        while recent.bytes > self.most_bytes {
            let Some((_, oldest)) = recent.vectors.pop_lru() else { break };
            recent.bytes -= bytes_of(&oldest);
        }
    }

    /// Bytes that it takes now.
    pub fn bytes(&self) -> usize {
        self.lock().bytes
    }

    fn lock(&self) -> MutexGuard<'_, Recent> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn bytes_of(vector: &Vector) -> usize {
    size_of_val(&**vector) + ENTRY_BYTES
}

#[cfg(test)]
mod tests {
    use super::{ENTRY_BYTES, Key, Memory};

    #[test]
    fn what_was_not_used_for_longest_goes_first() {
        let memory = Memory::new(2 * (4 + ENTRY_BYTES));
        let put = |number: u8| memory.put(Key([number; 32]), [f32::from(number)].into());
        let has = |number: u8| memory.get(&Key([number; 32])).is_some();
        put(1);
        put(2);
        assert!(has(1));
        put(3);
        assert!(has(1) && !has(2) && has(3));
        put(3);
        assert_eq!(memory.bytes(), 2 * (4 + ENTRY_BYTES));
    }

    #[test]
    fn without_room_nothing_is_kept() {
        let memory = Memory::new(0);
        memory.put(Key([1; 32]), [1.0].into());
        assert!(memory.get(&Key([1; 32])).is_none());
    }
}
