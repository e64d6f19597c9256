//! Threads that run units through a model on a card, each in its own order of work. While one waits
//! for a result the other keeps the card busy.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tokio::sync::oneshot;

use crate::cuda::budget::Budget;
use crate::cuda::fault::Fault;
use crate::cuda::machine::Machine;
use crate::cuda::model::Model;
use crate::cuda::product::Tier;
use crate::cuda::queue::{Answer, Queue, Unit};
use crate::cuda::scratch::Scratch;
use crate::{InferenceError, Purpose};

/// Orders of work per model.
pub(crate) const LANES: usize = 2;

/// A handle on the threads; dropping it ends them after the unit they are at.
pub(crate) struct Lanes {
    queue: Arc<Queue>,
}

impl Lanes {
    /// Starts a thread for each machine.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start<M: Machine + Send + 'static>(model: &Arc<Model>, machines: Vec<M>) -> Result<Self, InferenceError> {
        let lanes = Self { queue: Arc::default() };
        for (number, machine) in machines.into_iter().enumerate() {
            let (queue, model) = (Arc::clone(&lanes.queue), Arc::clone(model));
            std::thread::Builder::new()
                .name(format!("gpu-{number}"))
                .spawn(move || {
                    let mut lane = Lane::new(&model, &machine);
                    while let Some(unit) = queue.next(lane.budget.tokens()) {
                        lane.run(unit);
                    }
                })
                .map_err(|error| InferenceError::Unavailable(format!("no thread for the GPU: {error}")))?;
        }
        Ok(lanes)
    }

    /// Puts texts in line.
    pub fn submit(&self, texts: Vec<Vec<u32>>, purpose: Purpose) -> Pending {
        Pending(self.queue.submit(texts, purpose))
    }
}

/// Texts in line; dropping it takes those that still wait out.
#[derive(Default)]
pub(crate) struct Pending(Vec<oneshot::Receiver<Answer>>);

impl Pending {
    /// These and then `more`.
    pub fn and(&mut self, more: Self) {
        self.0.extend(more.0);
    }

    /// One result per text, in order.
    ///
    /// # Errors
    /// When the card failed.
    pub async fn results(self) -> Result<Vec<Vec<f32>>, InferenceError> {
        let mut answers = Vec::with_capacity(self.0.len());
        for answer in self.0 {
            let gone = |_| InferenceError::Unavailable("a thread of the GPU engine failed; see the log".into());
            answers.push(answer.await.map_err(gone)??);
        }
        Ok(answers)
    }
}

impl Drop for Lanes {
    fn drop(&mut self) {
        self.queue.close();
    }
}

/// What one thread works with.
struct Lane<'a> {
    model: &'a Model,
    machine: &'a dyn Machine,
    scratch: Scratch,
    budget: Budget,
}

impl<'a> Lane<'a> {
    fn new(model: &'a Model, machine: &'a dyn Machine) -> Self {
        Self { model, machine, scratch: Scratch::default(), budget: Budget::default() }
    }

    fn run(&mut self, unit: Unit) {
        let (texts, replies): (Vec<_>, Vec<_>) = unit.items.into_iter().map(|item| (item.ids, item.reply)).unzip();
        let answers = self.answers(&texts, unit.tier);
        // The caller may have gone meanwhile; then nobody misses the vector.
        replies.into_iter().zip(answers).for_each(|(reply, answer)| drop(reply.send(answer)));
    }

    /// One answer per text; where memory is full, of half of them at a time.
    fn answers(&mut self, texts: &[Vec<u32>], tier: Tier) -> Vec<Answer> {
        match self.encode(texts, tier) {
            Ok(vectors) => {
                self.budget.praise();
                vectors.into_iter().map(Ok).collect()
            }
            Err(Fault::Memory) => {
                // Give back all that was kept for larger units.
                self.scratch = Scratch::default();
                let tokens = texts.iter().map(Vec::len).sum();
                self.budget.shrink(tokens);
                if texts.len() == 1 {
                    tracing::error!(tokens, "the GPU's memory is too small for a text");
                    return vec![Err(Fault::Memory)];
                }
                tracing::warn!(tokens, next = self.budget.tokens(), "the GPU's memory was full; smaller units follow");
                let (left, right) = texts.split_at(texts.len() / 2);
                let mut answers = self.answers(left, tier);
                answers.extend(self.answers(right, tier));
                answers
            }
            Err(fault) => {
                tracing::error!(%fault, "the GPU failed");
                texts.iter().map(|_| Err(fault.clone())).collect()
            }
        }
    }

    fn encode(&mut self, texts: &[Vec<u32>], tier: Tier) -> Result<Vec<Vec<f32>>, Fault> {
        let Self { model, machine, scratch, .. } = self;
        let work = AssertUnwindSafe(|| model.encode(*machine, texts, tier, scratch));
        let defect = |_| Err(Fault::Broken("a defect of the engine; see the log".into()));
        catch_unwind(work).unwrap_or_else(defect)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use semantik_core::collection::Quantization;

    use super::{Lane, Lanes};
    use crate::Purpose;
    use crate::cuda::emulator::Emulator;
    use crate::cuda::family::Family;
    use crate::cuda::fault::Fault;
    use crate::cuda::model::{Model, form};
    use crate::cuda::product::Tier;
    use crate::local::model::Task;
    use crate::local::settings::Settings;

    fn loaded() -> (Model, Emulator) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tiny/bert");
        let settings = Settings::read(&folder).expect("the folder is a model");
        let family = Family::of(&folder, &settings).expect("a card computes it");
        let card = Emulator::new(form(family, Quantization::Float16));
        let model = Model::load(&card, &folder, &settings, Quantization::Float16, Task::Embed);
        (model.expect("the weights load"), card)
    }

    #[test]
    fn full_memory_halves_the_unit_and_loses_no_text() {
        let (model, mut card) = loaded();
        let texts: Vec<Vec<u32>> = (0..20).map(|at| vec![at % 9 + 5; 60]).collect();
        let expected = Lane::new(&model, &card).answers(&texts, Tier::Passages);
        card.largest = 100_000;
        let mut lane = Lane::new(&model, &card);
        assert_eq!(lane.answers(&texts, Tier::Passages), expected);
        assert!(lane.budget.tokens() < 1200, "{:?}", lane.budget);
        card.largest = 1_000;
        let answers = Lane::new(&model, &card).answers(&texts[..2], Tier::Passages);
        assert_eq!(answers, [Err(Fault::Memory), Err(Fault::Memory)]);
    }

    #[tokio::test]
    async fn texts_of_many_callers_come_back_to_each_in_order() {
        let (model, card) = loaded();
        let texts: Vec<Vec<u32>> = (1..6).map(|length| vec![7; 3 * length]).collect();
        let expected = Lane::new(&model, &card).answers(&texts, Tier::Passages);
        let expected: Vec<_> = expected.into_iter().map(|answer| answer.expect("it runs")).collect();
        let lanes = Lanes::start(&Arc::new(model), vec![card]).expect("threads are given");
        let calls = (0..3).map(|_| lanes.submit(texts.clone(), Purpose::Passage).results());
        for found in futures::future::join_all(calls).await {
            assert_eq!(found.expect("it runs"), expected);
        }
        assert!(lanes.submit(Vec::new(), Purpose::Query).results().await.expect("it runs").is_empty());
    }
}
