//! Threads that run batches of any loaded model, one whole batch per core, queries before passages.
//!
//! A query does not wait for a batch of passages: it runs between two of its layers. A query that is
//! all there is to do is shared with the workers that have nothing to do.

mod memory;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::local::hands::Hands;
use crate::local::model::Model;
use crate::local::scratch::Scratch;
use crate::local::team::Team;
use crate::queue::{Batch, Queue, UNIT_TOKENS, Vectors};
use crate::{InferenceError, Purpose};

/// Fewer than this are not shared out over several workers.
const SHARE_TOKENS: usize = 64;
/// Tokens of queries that may run between two layers, so that passages get on under any load.
const TOKENS_BETWEEN: usize = 256;
/// Buffers that a longer text needed are given back after it.
const KEPT_TOKENS: usize = 2048;

/// Tokens times bytes of weights that one more worker at a query is worth: about a tenth of a
/// millisecond of each core.
const WORTH_A_HELPER: usize = 64 << 20;
/// Beyond this many, helpers spend their time waiting for each other.
const MOST_HELPERS: usize = 7;

/// A handle on the threads; dropping it ends them after the batch they are at.
pub(crate) struct Pool {
    shared: Arc<Shared>,
}

struct Shared {
    queue: Queue<Model>,
    /// Held by a batch that needs much of the memory left.
    alone: Mutex<()>,
    team: Arc<Team>,
}

impl Pool {
    /// Starts `workers` threads; at most `most_waiting` tokens of queries, and as many of passages,
    /// wait for them.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(workers: usize, most_waiting: usize) -> Result<Self, InferenceError> {
        let queue = Queue::new(workers, most_waiting);
        let pool = Self { shared: Arc::new(Shared { queue, alone: Mutex::default(), team: Arc::default() }) };
        for number in 0..pool.shared.queue.workers() {
            let shared = Arc::clone(&pool.shared);
            std::thread::Builder::new()
                .name(format!("embed-{number}"))
                .spawn(move || work(&shared))
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
        let Shared { queue, team, .. } = &*self.shared;
        let enter = |tokens| {
            let helpers = if team.is_resting() { 0 } else { helpers(model, tokens, purpose) };
            team.dismiss();
            helpers
        };
        queue.run(model, ids, purpose, enter).await
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.queue.close();
    }
}

/// How many workers beside one a call is worth.
fn helpers(model: &Model, tokens: usize, purpose: Purpose) -> usize {
    match purpose {
        Purpose::Query => (tokens * model.bytes() / WORTH_A_HELPER).min(MOST_HELPERS),
        Purpose::Passage => 0,
    }
}

impl Shared {
    /// Queries that wait, as one batch.
    fn queries(&self) -> Option<Batch<Model>> {
        self.queue.waiting().take_of(Purpose::Query, TOKENS_BETWEEN)
    }

    /// The next batch and what it is for; `None` once the queue is closed. Helps where a query is
    /// shared meanwhile; `hands` may share the batch where nothing else is to do.
    fn next(&self, hands: &mut Hands) -> Option<(Batch<Model>, Purpose)> {
        let workers = self.queue.workers();
        // What waits is shared out, so that no worker has nothing to do.
        let share = |tokens: usize| tokens.div_ceil(workers).clamp(SHARE_TOKENS, UNIT_TOKENS);
        let mut waiting = self.queue.waiting();
        loop {
            if waiting.is_closed() {
                return None;
            }
            if let Some((batch, purpose)) = waiting.take(share) {
                let is_lone = purpose == Purpose::Query && workers > 1 && waiting.is_empty();
                hands.lead(if is_lone { self.team.lead() } else { None });
                return Some((batch, purpose));
            }
            let mut is_tired = false;
            if self.team.is_open() {
                drop(waiting);
                is_tired = !self.team.help(hands.attention());
                waiting = self.queue.waiting();
            }
            if waiting.is_empty() && !waiting.is_closed() && (is_tired || !self.team.is_open()) {
                waiting = self.queue.wait(waiting);
            }
        }
    }
}

fn work(shared: &Shared) {
    let queue = &shared.queue;
    let (mut scratch, mut aside) = (Scratch::default(), Scratch::default());
    while let Some((batch, purpose)) = shared.next(&mut scratch.hands) {
        let tokens = batch.tokens();
        let _alone = memory::is_tight(batch.model().scratch_bytes(tokens), queue.workers())
            .then(|| shared.alone.lock().unwrap_or_else(PoisonError::into_inner));
        let began = Instant::now();
        let mut elsewhere = Duration::ZERO;
        answer(batch, purpose, &mut scratch, &mut || {
            // Queries do not interrupt each other.
            if purpose == Purpose::Passage
                && let Some(queries) = shared.queries()
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
fn answer(batch: Batch<Model>, purpose: Purpose, scratch: &mut Scratch, between: &mut dyn FnMut()) {
    let is_whole = batch.answer(purpose, |model, texts| {
        let vectors = model.encode(texts, scratch, between);
        scratch.hands.lead(None);
        vectors.into_iter().map(Ok::<_, InferenceError>).collect()
    });
    if !is_whole {
        scratch.hands.lead(None);
        *scratch = Scratch::default();
    }
}
