//! Texts that wait for a card: queries before passages, and as many at a time as fit a unit.
//!
//! Texts of several callers share a unit. A text whose caller has gone away is dropped.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, PoisonError};

use tokio::sync::oneshot;

use crate::Purpose;
use crate::cuda::fault::Fault;
use crate::cuda::product::Tier;

/// What becomes of a text: a vector, or a score as a vector of one number.
pub(crate) type Answer = Result<Vec<f32>, Fault>;

/// A text and who waits for it.
pub(crate) struct Item {
    pub ids: Vec<u32>,
    pub reply: oneshot::Sender<Answer>,
}

/// Items that are computed together, longest first.
pub(crate) struct Unit {
    pub items: Vec<Item>,
    pub tier: Tier,
}

#[derive(Default)]
struct Waiting {
    queries: VecDeque<Item>,
    passages: VecDeque<Item>,
    closed: bool,
}

/// The line before the lanes.
#[derive(Default)]
pub(crate) struct Queue {
    waiting: Mutex<Waiting>,
    arrived: Condvar,
}

impl Queue {
    /// Puts texts in line; one receiver for each, in order.
    pub fn submit(&self, texts: Vec<Vec<u32>>, purpose: Purpose) -> Vec<oneshot::Receiver<Answer>> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let line = match purpose {
            Purpose::Query => &mut waiting.queries,
            Purpose::Passage => &mut waiting.passages,
        };
        let mut enter = |ids| {
            let (reply, receiver) = oneshot::channel();
            line.push_back(Item { ids, reply });
            receiver
        };
        let receivers = texts.into_iter().map(&mut enter).collect();
        drop(waiting);
        self.arrived.notify_all();
        receivers
    }

    /// Ends the line: lanes get `None` from now on.
    pub fn close(&self) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
        self.arrived.notify_all();
    }

    /// Waits for texts and takes up to `tokens` tokens of them (a longer text is alone); `None` once
    /// the line is closed.
    pub fn next(&self, tokens: usize) -> Option<Unit> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if waiting.closed {
                return None;
            }
            for tier in [Tier::Queries, Tier::Passages] {
                let line = match tier {
                    Tier::Queries => &mut waiting.queries,
                    Tier::Passages => &mut waiting.passages,
                };
                let items = take(line, tokens);
                if !items.is_empty() {
                    return Some(Unit { items, tier });
                }
            }
            waiting = self.arrived.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

fn take(line: &mut VecDeque<Item>, tokens: usize) -> Vec<Item> {
    let (mut items, mut room) = (Vec::new(), tokens);
    while let Some(item) = line.front() {
        if item.reply.is_closed() {
            line.pop_front();
            continue;
        }
        if !items.is_empty() && item.ids.len() > room {
            break;
        }
        room = room.saturating_sub(item.ids.len());
        items.extend(line.pop_front());
    }
    items.sort_by_key(|item| std::cmp::Reverse(item.ids.len()));
    items
}

#[cfg(test)]
mod tests {
    use super::{Queue, Unit};
    use crate::Purpose;
    use crate::cuda::product::Tier;

    fn lengths(unit: &Unit) -> Vec<usize> {
        unit.items.iter().map(|item| item.ids.len()).collect()
    }

    fn texts(lengths: &[usize]) -> Vec<Vec<u32>> {
        lengths.iter().map(|length| vec![1; *length]).collect()
    }

    #[test]
    fn queries_come_first_and_units_keep_to_the_budget() {
        let queue = Queue::default();
        let _passages = queue.submit(texts(&[3, 9, 4, 40, 1]), Purpose::Passage);
        drop(queue.submit(texts(&[2]), Purpose::Passage));
        let _queries = queue.submit(texts(&[5, 6]), Purpose::Query);
        let order: Vec<_> =
            (0..4).map(|_| queue.next(16).expect("a unit waits")).map(|unit| (unit.tier, lengths(&unit))).collect();
        let expected = [
            (Tier::Queries, vec![6, 5]),
            (Tier::Passages, vec![9, 4, 3]),
            (Tier::Passages, vec![40]),
            (Tier::Passages, vec![1]),
        ];
        assert_eq!(order, expected);
        queue.close();
        assert!(queue.next(16).is_none());
    }

    #[test]
    fn texts_without_a_caller_are_dropped() {
        let queue = Queue::default();
        let mut kept = queue.submit(texts(&[1, 2, 3]), Purpose::Query);
        kept.remove(1);
        let unit = queue.next(100).expect("a unit waits");
        assert_eq!(lengths(&unit), [3, 1]);
    }
}
