//! Calls that wait for whoever computes, the processor's workers or a card's lanes: queries before
//! passages, what waits bounded, and a caller that goes away takes its waiting work with it.

mod batch;
mod line;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use metrics::{counter, gauge};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::{InferenceError, Purpose};

pub(crate) use line::{Batch, Vectors};
use line::{Call, Line, Made, into_units};

/// Tokens of a unit: enough to keep a core's arithmetic busy, few enough that a query waits little.
/// A card takes many units at a time.
pub(crate) const UNIT_TOKENS: usize = 256;
/// Batches of queries after which one of passages begins.
const MOST_QUERIES: usize = 16;

/// The line before threads that take batches from it.
pub(crate) struct Queue<M> {
    waiting: Mutex<Waiting<M>>,
    arrived: Condvar,
    workers: usize,
    /// Tokens of one purpose that may wait.
    most_waiting: usize,
    next_call: AtomicU64,
}

/// What waits, under the queue's lock.
pub(crate) struct Waiting<M> {
    queries: Line<M>,
    passages: Line<M>,
    /// Tokens a worker gets done in a second, lately.
    speed: f64,
    /// Batches of queries taken since the last one of passages.
    streak: usize,
    closed: bool,
}

/// Takes what still waits of a call with it.
struct Ticket<'a, M> {
    queue: &'a Queue<M>,
    purpose: Purpose,
    id: u64,
}

impl<M> Queue<M> {
    /// A line for `workers` threads, in which at most `most_waiting` tokens of queries, and as many
    /// of passages, wait.
    pub fn new(workers: usize, most_waiting: usize) -> Self {
        let (queries, passages) = Default::default();
        let waiting = Waiting { queries, passages, speed: 0.0, streak: 0, closed: false };
        let (waiting, arrived) = (Mutex::new(waiting), Condvar::new());
        Self { waiting, arrived, workers: workers.max(1), most_waiting, next_call: AtomicU64::new(0) }
    }

    pub fn workers(&self) -> usize {
        self.workers
    }

    /// What `model` makes of each text, in order. Dropping the future frees the work that waits.
    /// `enter` is told the tokens just before the call stands in line, and says how many threads
    /// beyond one a unit are to wake.
    ///
    /// # Errors
    /// [`InferenceError::Busy`] when too much waits, and what the threads met.
    pub async fn run(
        &self,
        model: &Arc<M>,
        ids: Vec<Vec<u32>>,
        purpose: Purpose,
        enter: impl FnOnce(usize) -> usize,
    ) -> Result<Vectors, InferenceError> {
        let mut vectors = vec![Vec::new(); ids.len()];
        let (results, mut made) = unbounded_channel();
        let _ticket = self.submit(model, ids, purpose, results, enter)?;
        let mut missing = vectors.len();
        while let Some((places, part)) = made.recv().await {
            missing -= places.len();
            places.into_iter().zip(part?).for_each(|(place, vector)| vectors[place] = vector);
        }
        if missing == 0 { Ok(vectors) } else { Err(failed()) }
    }

    fn submit(
        &self,
        model: &Arc<M>,
        ids: Vec<Vec<u32>>,
        purpose: Purpose,
        results: UnboundedSender<Made>,
        enter: impl FnOnce(usize) -> usize,
    ) -> Result<Ticket<'_, M>, InferenceError> {
        let id = self.next_call.fetch_add(1, Ordering::Relaxed);
        let tokens: usize = ids.iter().map(Vec::len).sum();
        let units = into_units(ids, UNIT_TOKENS);
        let mut waiting = self.waiting();
        let line = waiting.line(purpose);
        // Calls take turns, so the largest one holds up nobody.
        if !line.is_empty() && line.tokens() - line.largest() + tokens > self.most_waiting {
            counter!("semantik_embedding_refused_total", "purpose" => name(purpose)).increment(1);
            return Err(InferenceError::Busy { retry_after: waiting.drained_in(self.workers) });
        }
        let mut wake = units.len();
        if wake > 0 {
            wake += enter(tokens);
            let call = Call { id, model: Arc::clone(model), units, results, since: Instant::now() };
            waiting.change(purpose, |line| line.push(call));
        }
        drop(waiting);
        (0..wake.min(self.workers)).for_each(|_| self.arrived.notify_one());
        Ok(Ticket { queue: self, purpose, id })
    }

    /// Ends the line: no thread gets a batch from now on.
    pub fn close(&self) {
        self.waiting().closed = true;
        self.arrived.notify_all();
    }

    /// Waits for a batch of up to `tokens` tokens (a longer text is alone); `None` once closed.
    pub fn next(&self, tokens: usize) -> Option<(Batch<M>, Purpose)> {
        let mut waiting = self.waiting();
        loop {
            if waiting.closed {
                return None;
            }
            if let Some(found) = waiting.take(|_| tokens) {
                return Some(found);
            }
            waiting = self.wait(waiting);
        }
    }

    pub fn waiting(&self) -> MutexGuard<'_, Waiting<M>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sleeps until something has changed.
    pub fn wait<'a>(&self, waiting: MutexGuard<'a, Waiting<M>>) -> MutexGuard<'a, Waiting<M>> {
        self.arrived.wait(waiting).unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes how long `tokens` took a thread.
    #[expect(clippy::cast_precision_loss, reason = "a batch has few tokens")]
    pub fn took(&self, tokens: usize, time: Duration) {
        let speed = tokens as f64 / time.as_secs_f64().max(1e-6);
        let mut waiting = self.waiting();
        waiting.speed = if waiting.speed == 0.0 { speed } else { 0.9 * waiting.speed + 0.1 * speed };
    }
}

impl<M> Drop for Ticket<'_, M> {
    fn drop(&mut self) {
        self.queue.waiting().change(self.purpose, |line| line.remove(self.id));
    }
}

impl<M> Waiting<M> {
    pub fn is_empty(&self) -> bool {
        self.queries.is_empty() && self.passages.is_empty()
    }

    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// Queries first, but not for ever; `share` says how many tokens to take where so many wait.
    pub fn take(&mut self, share: impl Fn(usize) -> usize) -> Option<(Batch<M>, Purpose)> {
        let mut order = [Purpose::Query, Purpose::Passage];
        if self.streak >= MOST_QUERIES {
            order.reverse();
        }
        for purpose in order {
            let tokens = share(self.line(purpose).tokens());
            if let Some(batch) = self.take_of(purpose, tokens) {
                self.streak = if purpose == Purpose::Query { self.streak + 1 } else { 0 };
                return Some((batch, purpose));
            }
        }
        None
    }

    /// What waits for one purpose, up to `tokens` tokens of it.
    pub fn take_of(&mut self, purpose: Purpose, tokens: usize) -> Option<Batch<M>> {
        self.change(purpose, |line| line.take(tokens))
    }

    fn line(&mut self, purpose: Purpose) -> &mut Line<M> {
        match purpose {
            Purpose::Query => &mut self.queries,
            Purpose::Passage => &mut self.passages,
        }
    }

    /// Changes a line and says so. Every queue adds to one number: a card has a queue for each model.
    #[expect(clippy::cast_precision_loss, reason = "tokens that fit into memory are exact in a double")]
    fn change<T>(&mut self, purpose: Purpose, change: impl FnOnce(&mut Line<M>) -> T) -> T {
        let line = self.line(purpose);
        let before = line.tokens();
        let made = change(line);
        let grown = line.tokens() as f64 - before as f64;
        if grown != 0.0 {
            gauge!("semantik_embedding_waiting_tokens", "purpose" => name(purpose)).increment(grown);
        }
        made
    }

    /// When about as much room will be there as is taken now.
    #[expect(clippy::cast_precision_loss, reason = "tokens that fit into memory are exact in a double")]
    fn drained_in(&self, workers: usize) -> Duration {
        let tokens = (self.queries.tokens() + self.passages.tokens()) as f64;
        let seconds = tokens / (self.speed * workers as f64).max(1.0);
        Duration::from_secs_f64(seconds.ceil().clamp(1.0, 60.0))
    }
}

fn failed() -> InferenceError {
    InferenceError::Unavailable("a thread that computes has failed; see the log".into())
}

fn name(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Query => "query",
        Purpose::Passage => "passage",
    }
}

#[cfg(test)]
mod tests;
