//! Threads that run units through a model: one unit's work per core, queries before passages.
//!
//! A query does not wait for a unit of passages: it runs between two of its layers.
//! A unit whose caller has gone away is dropped without being computed.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use tokio::sync::oneshot;

use crate::local::model::Model;
use crate::local::scratch::Scratch;
use crate::{InferenceError, Purpose};

/// Queries that may run between two layers, so that passages get on under any load.
const QUERIES_BETWEEN: usize = 8;

/// The vectors of a unit's texts, or their scores as vectors of one number.
pub(crate) type Vectors = Vec<Vec<f32>>;

/// A few texts that one worker encodes together.
struct Unit {
    texts: Vec<Vec<u32>>,
    purpose: Purpose,
    reply: oneshot::Sender<Vectors>,
}

#[derive(Default)]
struct Waiting {
    queries: VecDeque<Unit>,
    passages: VecDeque<Unit>,
    closed: bool,
}

#[derive(Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    arrived: Condvar,
}

/// A handle on the threads; dropping it ends them after the unit they are at.
pub(crate) struct Workers {
    queue: Arc<Queue>,
}

impl Workers {
    /// Starts `threads` workers.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(model: &Arc<Model>, threads: usize) -> Result<Self, InferenceError> {
        let workers = Self { queue: Arc::new(Queue::default()) };
        for number in 0..threads.max(1) {
            let (queue, model) = (Arc::clone(&workers.queue), Arc::clone(model));
            std::thread::Builder::new()
                .name(format!("embed-{number}"))
                .spawn(move || work(&queue, &model))
                .map_err(|error| InferenceError::Unavailable(format!("no thread for the encoder: {error}")))?;
        }
        Ok(workers)
    }

    /// Queues a unit. The receiver fails when the unit was dropped or its worker met a defect.
    pub fn submit(&self, texts: Vec<Vec<u32>>, purpose: Purpose) -> oneshot::Receiver<Vectors> {
        let (reply, receiver) = oneshot::channel();
        let mut waiting = self.queue.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let line = match purpose {
            Purpose::Query => &mut waiting.queries,
            Purpose::Passage => &mut waiting.passages,
        };
        line.push_back(Unit { texts, purpose, reply });
        drop(waiting);
        self.queue.arrived.notify_one();
        receiver
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.queue.waiting.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
        self.queue.arrived.notify_all();
    }
}

impl Queue {
    /// A query that waits.
    fn query(&self) -> Option<Unit> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).queries.pop_front()
    }

    /// The next unit somebody still waits for; `None` once the queue is closed.
    fn next(&self) -> Option<Unit> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if waiting.closed {
                return None;
            }
            match waiting.queries.pop_front().or_else(|| waiting.passages.pop_front()) {
                Some(unit) if unit.reply.is_closed() => {}
                Some(unit) => return Some(unit),
                None => waiting = self.arrived.wait(waiting).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }
}

fn work(queue: &Queue, model: &Model) {
    let mut worker = Worker { queue, model, scratch: model.scratch(), aside: model.scratch() };
    while let Some(unit) = queue.next() {
        worker.run(unit);
    }
}

struct Worker<'a> {
    queue: &'a Queue,
    model: &'a Model,
    scratch: Scratch,
    /// For queries that run while a unit of passages waits between two of its layers.
    aside: Scratch,
}

impl Worker<'_> {
    fn run(&mut self, unit: Unit) {
        let Self { queue, model, scratch, aside } = self;
        // Queries do not interrupt each other.
        let most = if unit.purpose == Purpose::Passage { QUERIES_BETWEEN } else { 0 };
        answer(model, unit, scratch, &mut || {
            for query in (0..most).map_while(|_| queue.query()) {
                answer(model, query, aside, &mut || {});
            }
        });
    }
}

/// Runs a unit and sends what comes out.
fn answer(model: &Model, unit: Unit, scratch: &mut Scratch, between: &mut dyn FnMut()) {
    match catch_unwind(AssertUnwindSafe(|| model.encode(&unit.texts, scratch, between))) {
        // The caller may have gone meanwhile; then nobody misses the vectors.
        Ok(vectors) => drop(unit.reply.send(vectors)),
        Err(_) => *scratch = model.scratch(),
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::{Purpose, Queue, Unit, Waiting};

    fn unit(id: u32) -> (Unit, oneshot::Receiver<super::Vectors>) {
        let (reply, receiver) = oneshot::channel();
        (Unit { texts: vec![vec![id]], purpose: Purpose::Query, reply }, receiver)
    }

    #[test]
    fn queries_overtake_passages_and_units_without_a_caller_are_dropped() {
        let (first, _first) = unit(1);
        let (abandoned, gone) = unit(2);
        let (query, _query) = unit(3);
        drop(gone);
        let queue = Queue::default();
        *queue.waiting.lock().expect("no other thread") =
            Waiting { queries: [query].into(), passages: [abandoned, first].into(), closed: false };
        let order: Vec<_> = (0..2).map(|_| queue.next().expect("a unit waits").texts[0][0]).collect();
        assert_eq!(order, [3, 1]);
    }
}
