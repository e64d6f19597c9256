//! Threads that run batches of any loaded model, one whole batch per core, queries before passages.
//!
//! A query does not wait for a batch of passages: it runs between two of its layers. A query that is
//! all there is to do is shared with the workers that have nothing to do. What waits is bounded, and
//! a caller that goes away takes its waiting work with it.

mod line;
mod memory;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use metrics::{counter, gauge, histogram};
use tokio::sync::mpsc::unbounded_channel;

use crate::local::hands::Hands;
use crate::local::model::Model;
use crate::local::scratch::Scratch;
use crate::local::team::Team;
use crate::{InferenceError, Purpose};

pub(crate) use line::Vectors;
use line::{Batch, Call, Line, into_units};

/// Tokens of a unit: enough to keep the arithmetic busy, few enough that a query waits little.
const UNIT_TOKENS: usize = 256;
/// Fewer than this are not shared out over several workers.
const SHARE_TOKENS: usize = 64;
/// Tokens of queries that may run between two layers, so that passages get on under any load.
const TOKENS_BETWEEN: usize = 256;
/// Batches of queries after which one of passages begins, which queries may interrupt as ever.
const MOST_QUERIES: usize = 16;
/// Buffers that a longer text needed are given back after it.
const KEPT_TOKENS: usize = 2048;

/// Tokens times bytes of weights that one more worker at a query is worth: about a tenth of a
/// millisecond of each core.
const WORTH_A_HELPER: usize = 64 << 20;
/// Beyond this many, helpers spend their time waiting for each other.
const MOST_HELPERS: usize = 7;

/// A handle on the threads; dropping it ends them after the batch they are at.
pub(crate) struct Pool {
    queue: Arc<Queue>,
    next_call: AtomicU64,
    /// Tokens of one purpose that may wait.
    most_waiting: usize,
}

struct Queue {
    waiting: Mutex<Waiting>,
    arrived: Condvar,
    workers: usize,
    /// Held by a batch that needs much of the memory left.
    alone: Mutex<()>,
    team: Arc<Team>,
}

#[derive(Default)]
struct Waiting {
    queries: Line,
    passages: Line,
    /// Tokens a worker gets done in a second, lately.
    speed: f64,
    /// Batches of queries taken since the last one of passages.
    streak: usize,
    closed: bool,
}

/// Takes what still waits of a call with it.
struct Ticket<'a> {
    queue: &'a Queue,
    purpose: Purpose,
    id: u64,
}

impl Pool {
    /// Starts `workers` threads; at most `most_waiting` tokens of queries, and as many of passages,
    /// wait for them.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(workers: usize, most_waiting: usize) -> Result<Self, InferenceError> {
        let queue = Queue {
            waiting: Mutex::default(),
            arrived: Condvar::new(),
            workers: workers.max(1),
            alone: Mutex::default(),
            team: Arc::default(),
        };
        let pool = Self { queue: Arc::new(queue), next_call: AtomicU64::new(0), most_waiting };
        for number in 0..pool.queue.workers {
            let queue = Arc::clone(&pool.queue);
            std::thread::Builder::new()
                .name(format!("embed-{number}"))
                .spawn(move || work(&queue))
                .map_err(|error| InferenceError::Unavailable(format!("no thread for the encoder: {error}")))?;
        }
        Ok(pool)
    }

    /// What `model` makes of each text, in order. Dropping the future frees the work that waits.
    ///
    /// # Errors
    /// [`InferenceError::Busy`] when too much waits, and when a worker met a defect.
    pub async fn run(
        &self,
        model: &Arc<Model>,
        ids: Vec<Vec<u32>>,
        purpose: Purpose,
    ) -> Result<Vectors, InferenceError> {
        let mut vectors = vec![Vec::new(); ids.len()];
        let (results, mut made) = unbounded_channel();
        let _ticket = self.submit(model, ids, purpose, results)?;
        let failed = || InferenceError::Unavailable("an encoder thread failed; see the log".into());
        let mut missing = vectors.len();
        while let Some((places, part)) = made.recv().await {
            missing -= places.len();
            places.into_iter().zip(part.ok_or_else(failed)?).for_each(|(place, vector)| vectors[place] = vector);
        }
        if missing == 0 { Ok(vectors) } else { Err(failed()) }
    }

    fn submit(
        &self,
        model: &Arc<Model>,
        ids: Vec<Vec<u32>>,
        purpose: Purpose,
        results: tokio::sync::mpsc::UnboundedSender<line::Made>,
    ) -> Result<Ticket<'_>, InferenceError> {
        let id = self.next_call.fetch_add(1, Ordering::Relaxed);
        let tokens: usize = ids.iter().map(Vec::len).sum();
        let units = into_units(ids, UNIT_TOKENS);
        let queue = &*self.queue;
        let mut waiting = queue.waiting();
        let line = waiting.line(purpose);
        // Calls take turns, so the largest one holds up nobody.
        if !line.is_empty() && line.tokens() - line.largest() + tokens > self.most_waiting {
            counter!("semantik_embedding_refused_total", "purpose" => name(purpose)).increment(1);
            return Err(InferenceError::Busy { retry_after: waiting.drained_in(queue.workers) });
        }
        let count = units.len();
        let helpers = if queue.team.is_resting() { 0 } else { helpers(model, tokens, purpose) };
        if count > 0 {
            queue.team.dismiss();
            waiting.line(purpose).push(Call { id, model: Arc::clone(model), units, results, since: Instant::now() });
        }
        waiting.report();
        drop(waiting);
        (0..(count + helpers).min(queue.workers)).for_each(|_| queue.arrived.notify_one());
        Ok(Ticket { queue, purpose, id })
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.queue.waiting().closed = true;
        self.queue.arrived.notify_all();
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        let mut waiting = self.queue.waiting();
        waiting.line(self.purpose).remove(self.id);
        waiting.report();
    }
}

/// How many workers beside one a call is worth.
fn helpers(model: &Model, tokens: usize, purpose: Purpose) -> usize {
    match purpose {
        Purpose::Query => (tokens * model.bytes() / WORTH_A_HELPER).min(MOST_HELPERS),
        Purpose::Passage => 0,
    }
}

impl Waiting {
    fn is_empty(&self) -> bool {
        self.queries.is_empty() && self.passages.is_empty()
    }

    /// Queries first, but not for ever.
    fn order(&self) -> [Purpose; 2] {
        if self.streak < MOST_QUERIES { [Purpose::Query, Purpose::Passage] } else { [Purpose::Passage, Purpose::Query] }
    }

    fn line(&mut self, purpose: Purpose) -> &mut Line {
        match purpose {
            Purpose::Query => &mut self.queries,
            Purpose::Passage => &mut self.passages,
        }
    }

    /// When about as much room will be there as is taken now.
    #[expect(clippy::cast_precision_loss, reason = "tokens that fit into memory are exact in a double")]
    fn drained_in(&self, workers: usize) -> Duration {
        let tokens = (self.queries.tokens() + self.passages.tokens()) as f64;
        let seconds = tokens / (self.speed * workers as f64).max(1.0);
        Duration::from_secs_f64(seconds.ceil().clamp(1.0, 60.0))
    }

    #[expect(clippy::cast_precision_loss, reason = "tokens that fit into memory are exact in a double")]
    fn report(&self) {
        for (purpose, line) in [(Purpose::Query, &self.queries), (Purpose::Passage, &self.passages)] {
            gauge!("semantik_embedding_waiting_tokens", "purpose" => name(purpose)).set(line.tokens() as f64);
        }
    }
}

impl Queue {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queries that wait, as one batch.
    fn queries(&self) -> Option<Batch> {
        self.waiting().queries.take(TOKENS_BETWEEN)
    }

    /// The next batch and what it is for; `None` once the queue is closed. Helps where a query is
    /// shared meanwhile; `hands` may share the batch where nothing else is to do.
    fn next(&self, hands: &mut Hands) -> Option<(Batch, Purpose)> {
        let mut waiting = self.waiting();
        loop {
            if waiting.closed {
                return None;
            }
            for purpose in waiting.order() {
                let line = waiting.line(purpose);
                // What waits is shared out, so that no worker has nothing to do.
                let share = line.tokens().div_ceil(self.workers).clamp(SHARE_TOKENS, UNIT_TOKENS);
                if let Some(batch) = line.take(share) {
                    waiting.streak = if purpose == Purpose::Query { waiting.streak + 1 } else { 0 };
                    let is_lone = purpose == Purpose::Query && self.workers > 1 && waiting.is_empty();
                    hands.lead(if is_lone { self.team.lead() } else { None });
                    return Some((batch, purpose));
                }
            }
            let mut is_tired = false;
            if self.team.is_open() {
                drop(waiting);
                is_tired = !self.team.help(hands.attention());
                waiting = self.waiting();
            }
            if waiting.is_empty() && !waiting.closed && (is_tired || !self.team.is_open()) {
                waiting = self.arrived.wait(waiting).unwrap_or_else(PoisonError::into_inner);
            }
        }
    }

    /// Notes how long `tokens` took.
    #[expect(clippy::cast_precision_loss, reason = "a batch has few tokens")]
    fn took(&self, tokens: usize, time: Duration) {
        let speed = tokens as f64 / time.as_secs_f64().max(1e-6);
        let mut waiting = self.waiting();
        waiting.speed = if waiting.speed == 0.0 { speed } else { 0.9 * waiting.speed + 0.1 * speed };
    }
}

fn work(queue: &Queue) {
    let (mut scratch, mut aside) = (Scratch::default(), Scratch::default());
    while let Some((batch, purpose)) = queue.next(&mut scratch.hands) {
        let tokens = batch.tokens();
        let _alone = memory::is_tight(batch.model.scratch_bytes(tokens), queue.workers)
            .then(|| queue.alone.lock().unwrap_or_else(PoisonError::into_inner));
        let began = Instant::now();
        let mut elsewhere = Duration::ZERO;
        answer(batch, purpose, &mut scratch, &mut || {
            // Queries do not interrupt each other.
            if purpose == Purpose::Passage
                && let Some(queries) = queue.queries()
            {
                let (began, tokens) = (Instant::now(), queries.tokens());
                answer(queries, Purpose::Query, &mut aside, &mut || {});
                elsewhere += began.elapsed();
                if tokens > KEPT_TOKENS {
                    aside = Scratch::default();
                }
            }
        });
        queue.took(tokens, began.elapsed().saturating_sub(elsewhere));
        if tokens > KEPT_TOKENS {
            scratch = Scratch::default();
        }
    }
}

/// Runs a batch and sends each caller its part.
fn answer(batch: Batch, purpose: Purpose, scratch: &mut Scratch, between: &mut dyn FnMut()) {
    let began = Instant::now();
    batch.report(purpose, began);
    let computed = catch_unwind(AssertUnwindSafe(|| batch.model.encode(&batch.texts, scratch, between)));
    histogram!("semantik_embedding_compute_seconds", "purpose" => name(purpose)).record(began.elapsed().as_secs_f64());
    scratch.hands.lead(None);
    if computed.is_err() {
        *scratch = Scratch::default();
    }
    let mut vectors = computed.ok().map(Vec::into_iter);
    for part in batch.parts {
        let own = vectors.as_mut().map(|vectors| vectors.take(part.places.len()).collect());
        // The caller may have gone meanwhile; then nobody misses the vectors.
        drop(part.results.send((part.places, own)));
    }
}

impl Batch {
    fn tokens(&self) -> usize {
        self.texts.iter().map(Vec::len).sum()
    }

    #[expect(clippy::cast_precision_loss, reason = "a batch has few tokens")]
    fn report(&self, purpose: Purpose, now: Instant) {
        let purpose = name(purpose);
        let (texts, tokens) = (self.texts.len(), self.tokens());
        histogram!("semantik_embedding_batch_texts", "purpose" => purpose).record(texts as f64);
        histogram!("semantik_embedding_batch_tokens", "purpose" => purpose).record(tokens as f64);
        counter!("semantik_embedding_texts_total", "purpose" => purpose).increment(texts as u64);
        counter!("semantik_embedding_tokens_total", "purpose" => purpose).increment(tokens as u64);
        for part in &self.parts {
            let waited = now.duration_since(part.since).as_secs_f64();
            histogram!("semantik_embedding_queue_seconds", "purpose" => purpose).record(waited);
        }
    }
}

fn name(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Query => "query",
        Purpose::Passage => "passage",
    }
}
