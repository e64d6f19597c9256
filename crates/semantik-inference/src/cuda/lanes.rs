//! Threads that run batches through a model on a card, each in its own order of work. While one waits
//! for a result the other keeps the card busy.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use crate::cuda::budget::Budget;
use crate::cuda::fault::Fault;
use crate::cuda::machine::Machine;
use crate::cuda::model::Model;
use crate::cuda::product::Tier;
use crate::cuda::scratch::Scratch;
use crate::local::embed::Compute;
use crate::queue::{Batch, Queue, Vectors};
use crate::{InferenceError, Purpose};

/// Orders of work per model.
pub(crate) const LANES: usize = 2;

/// What becomes of a text: a vector, or a score as a vector of one number.
type Answer = Result<Vec<f32>, Fault>;

/// A model and the threads that run it. Dropping it ends them after the batch they are at, and gives
/// the card's memory back before it returns: another model may need it next.
pub(crate) struct Lanes {
    queue: Arc<Queue<Model>>,
    model: Arc<Model>,
    threads: Vec<JoinHandle<()>>,
}

impl Lanes {
    /// Starts a thread for each machine; at most `most_waiting` tokens of queries, and as many of
    /// passages, wait for them.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start<M: Machine + Send + 'static>(
        model: Model,
        machines: Vec<M>,
        most_waiting: usize,
    ) -> Result<Self, InferenceError> {
        let queue = Arc::new(Queue::new(machines.len(), most_waiting));
        let rooms: Arc<[Mutex<Scratch>]> = machines.iter().map(|_| Mutex::default()).collect();
        let mut lanes = Self { queue, model: Arc::new(model), threads: Vec::new() };
        for (number, machine) in machines.into_iter().enumerate() {
            let (queue, rooms) = (Arc::clone(&lanes.queue), Arc::clone(&rooms));
            let thread = std::thread::Builder::new()
                .name(format!("gpu-{number}"))
                .spawn(move || Lane::new(&machine, &rooms, number).work(&queue))
                .map_err(|error| InferenceError::Unavailable(format!("no thread for the GPU: {error}")))?;
            lanes.threads.push(thread);
        }
        Ok(lanes)
    }
}

impl Compute for Lanes {
    async fn run(&self, ids: Vec<Vec<u32>>, purpose: Purpose) -> Result<Vectors, InferenceError> {
        self.queue.run(&self.model, ids, purpose, |_| 0).await
    }
}

impl Drop for Lanes {
    fn drop(&mut self) {
        self.queue.close();
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread of the GPU ended with a panic");
            }
        }
    }
}

/// What one thread works with.
struct Lane<'a> {
    machine: &'a dyn Machine,
    /// The memory of all lanes; each holds its own while it computes.
    rooms: &'a [Mutex<Scratch>],
    number: usize,
    budget: Budget,
}

impl<'a> Lane<'a> {
    fn new(machine: &'a dyn Machine, rooms: &'a [Mutex<Scratch>], number: usize) -> Self {
        Self { machine, rooms, number, budget: Budget::default() }
    }

    fn work(&mut self, queue: &Queue<Model>) {
        while let Some((batch, purpose)) = queue.next(self.budget.tokens()) {
            let (began, tokens) = (Instant::now(), batch.tokens());
            self.run(batch, purpose);
            queue.took(tokens, began.elapsed());
        }
    }

    fn run(&mut self, batch: Batch<Model>, purpose: Purpose) {
        let tier = match purpose {
            Purpose::Query => Tier::Queries,
            Purpose::Passage => Tier::Passages,
        };
        if !batch.answer(purpose, |model, texts| self.answers(model, texts, tier)) {
            *self.room(self.number) = Scratch::default();
        }
    }

    /// One answer per text, in order; where memory is full, of half of them at a time.
    fn answers(&mut self, model: &Model, texts: &[Vec<u32>], tier: Tier) -> Vec<Answer> {
        let mut made = model.encode(self.machine, texts, tier, &mut self.room(self.number));
        if made == Err(Fault::Memory) {
            // Give back all that was kept for larger units.
            *self.room(self.number) = Scratch::default();
            let tokens = texts.iter().map(Vec::len).sum();
            self.budget.shrink(tokens);
            if texts.len() > 1 {
                tracing::warn!(tokens, next = self.budget.tokens(), "the GPU's memory was full; smaller units follow");
                let (left, right) = texts.split_at(texts.len() / 2);
                let mut answers = self.answers(model, left, tier);
                answers.extend(self.answers(model, right, tier));
                return answers;
            }
            made = self.alone(model, texts, tier);
        }
        match made {
            Ok(vectors) => {
                self.budget.praise();
                vectors.into_iter().map(Ok).collect()
            }
            Err(fault) => {
                let tokens: usize = texts.iter().map(Vec::len).sum();
                tracing::error!(%fault, texts = texts.len(), tokens, "the GPU failed");
                texts.iter().map(|_| Err(fault.clone())).collect()
            }
        }
    }

    /// What the other lanes keep is given back and they wait meanwhile: it may be all that is missing.
    fn alone(&self, model: &Model, texts: &[Vec<u32>], tier: Tier) -> Result<Vectors, Fault> {
        // In the same order in every lane, so that two do not wait for each other.
        let mut rooms: Vec<_> = (0..self.rooms.len()).map(|number| self.room(number)).collect();
        rooms.iter_mut().for_each(|room| **room = Scratch::default());
        model.encode(self.machine, texts, tier, &mut rooms[self.number])
    }

    /// The memory of a lane, once that lane computes nothing.
    fn room(&self, number: usize) -> MutexGuard<'a, Scratch> {
        self.rooms[number].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
