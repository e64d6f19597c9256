//! Which texts are being embedded right now, so that another call waits instead of doing it again.
//!
//! Invariant: whoever took a key gives it back, by landing or by being dropped, cancelled or not.
//! Those who wait then see that it was given up, and one of them takes it.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::Vector;
use super::key::Key;

/// What somebody else computes; it closes without a vector when they give up.
pub(super) type Awaited = watch::Receiver<Option<Vector>>;

/// The keys that are being computed.
#[derive(Default)]
pub(super) struct Flights {
    table: Mutex<HashMap<Key, Awaited>>,
}

/// Keys that the holder computes, and nobody else.
pub(super) struct Lead<'a> {
    flights: &'a Flights,
    keys: Vec<(Key, watch::Sender<Option<Vector>>)>,
}

/// How each key of a call comes to its vector.
pub(super) struct Claim<'a> {
    /// Meanwhile known.
    pub known: Vec<(Key, Vector)>,
    /// To be computed by the caller.
    pub lead: Lead<'a>,
    /// Computed by others.
    pub others: Vec<(Key, Awaited)>,
}

impl Flights {
    /// Takes those of the keys that are neither `known` nor taken.
    pub fn claim(&self, keys: Vec<Key>, known: impl Fn(&Key) -> Option<Vector>) -> Claim<'_> {
        let lead = Lead { flights: self, keys: Vec::new() };
        let mut claim = Claim { known: Vec::new(), lead, others: Vec::new() };
        let mut table = self.lock();
        for key in keys {
            if let Some(awaited) = table.get(&key) {
                claim.others.push((key, awaited.clone()));
            } else if let Some(vector) = known(&key) {
                claim.known.push((key, vector));
            } else {
                let (sender, receiver) = watch::channel(None);
                table.insert(key, receiver);
                claim.lead.keys.push((key, sender));
            }
        }
        drop(table);
        claim
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Awaited>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lead<'_> {
    /// The keys to compute, in order.
    pub fn keys(&self) -> impl Iterator<Item = Key> {
        self.keys.iter().map(|(key, _)| *key)
    }

    /// Hands the vectors, in the order of the keys, to those who wait.
    pub fn land(self, vectors: &[Vector]) {
        for ((_, sender), vector) in self.keys.iter().zip(vectors) {
            sender.send_replace(Some(vector.clone()));
        }
    }
}

impl Drop for Lead<'_> {
    fn drop(&mut self) {
        let mut table = self.flights.lock();
        for (key, _) in &self.keys {
            table.remove(key);
        }
    }
}
