//! Calls of one purpose in line: in turn, merged into batches.
//!
//! Every call is cut into units before it is queued. A batch begins with a unit of the call at the
//! head, which then goes to the back, and is filled up with units of the next ones: a large call does
//! not hold up a small one, and many small ones are computed together.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::mpsc::UnboundedSender;

use crate::InferenceError;

/// The vectors of a unit's texts, or their scores as vectors of one number.
pub(crate) type Vectors = Vec<Vec<f32>>;

/// A few texts that are computed together, and their places in the call.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Unit {
    pub places: Vec<usize>,
    pub texts: Vec<Vec<u32>>,
}

/// What became of the texts at these places of a call.
pub(super) type Made = (Vec<usize>, Result<Vectors, InferenceError>);

/// The units of one caller that still wait.
pub(super) struct Call<M> {
    pub id: u64,
    pub model: Arc<M>,
    pub units: VecDeque<Unit>,
    pub results: UnboundedSender<Made>,
    pub since: Instant,
}

/// Units of one model, taken together.
pub(crate) struct Batch<M> {
    pub(super) model: Arc<M>,
    pub(super) texts: Vec<Vec<u32>>,
    pub(super) parts: Vec<Part>,
}

/// Where the results of `places.len()` texts of a batch go.
pub(super) struct Part {
    pub places: Vec<usize>,
    pub results: UnboundedSender<Made>,
    pub since: Instant,
}

/// The calls of one purpose, the next one first.
pub(super) struct Line<M> {
    calls: VecDeque<Call<M>>,
    /// Tokens that wait, in all.
    tokens: usize,
}

impl<M> Call<M> {
    fn tokens(&self) -> usize {
        self.units.iter().map(Unit::tokens).sum()
    }
}

impl Unit {
    pub fn tokens(&self) -> usize {
        self.texts.iter().map(Vec::len).sum()
    }
}

impl<M> Default for Line<M> {
    fn default() -> Self {
        Self { calls: VecDeque::new(), tokens: 0 }
    }
}

impl<M> Line<M> {
    pub fn tokens(&self) -> usize {
        self.tokens
    }

    /// Tokens of the call that has the most.
    pub fn largest(&self) -> usize {
        self.calls.iter().map(Call::tokens).max().unwrap_or_default()
    }

    pub fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    pub fn push(&mut self, call: Call<M>) {
        self.tokens += call.tokens();
        self.calls.push_back(call);
    }

    /// Forgets what is left of a call.
    pub fn remove(&mut self, id: u64) {
        if let Some(at) = self.calls.iter().position(|call| call.id == id)
            && let Some(call) = self.calls.remove(at)
        {
            self.tokens -= call.tokens();
        }
    }

    /// The next unit, and units of the calls behind it, round by round, that fit into `budget` tokens
    /// with it.
    pub fn take(&mut self, budget: usize) -> Option<Batch<M>> {
        let model = Arc::clone(&self.calls.front()?.model);
        let mut batch = Batch { model, texts: Vec::new(), parts: Vec::new() };
        let mut room = budget;
        while let Some(mut call) = self.calls.pop_front() {
            let fits = |unit: &Unit| batch.parts.is_empty() || unit.tokens() <= room;
            if !Arc::ptr_eq(&call.model, &batch.model) || !call.units.front().is_some_and(fits) {
                self.calls.push_front(call);
                break;
            }
            if let Some(unit) = call.units.pop_front() {
                let tokens = unit.tokens();
                room = room.saturating_sub(tokens);
                self.tokens -= tokens;
                let (results, since) = (call.results.clone(), call.since);
                batch.parts.push(Part { places: unit.places, results, since });
                batch.texts.extend(unit.texts);
            }
            if !call.units.is_empty() {
                self.calls.push_back(call);
            }
        }
        Some(batch)
    }
}

/// Packs texts, longest first, into units of at most `budget` tokens (a longer text is alone).
pub(super) fn into_units(ids: Vec<Vec<u32>>, budget: usize) -> VecDeque<Unit> {
    let mut texts: Vec<_> = ids.into_iter().enumerate().collect();
    texts.sort_by_key(|(_, ids)| std::cmp::Reverse(ids.len()));
    let mut units: VecDeque<Unit> = VecDeque::new();
    let mut room = 0;
    for (place, text) in texts {
        if units.is_empty() || text.len() > room {
            room = budget;
            units.push_back(Unit::default());
        }
        room = room.saturating_sub(text.len());
        if let Some(unit) = units.back_mut() {
            unit.places.push(place);
            unit.texts.push(text);
        }
    }
    units
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Instant;

    use tokio::sync::mpsc::unbounded_channel;

    use super::{Call, Line, into_units};

    /// A call of texts with these lengths, in units of 10 tokens.
    fn call(id: u64, model: &Arc<String>, lengths: &[usize]) -> Call<String> {
        let texts = lengths.iter().map(|length| vec![u32::try_from(id).expect("small"); *length]).collect();
        let (results, _) = unbounded_channel();
        Call { id, model: Arc::clone(model), units: into_units(texts, 10), results, since: Instant::now() }
    }

    /// The calls whose texts a batch holds.
    fn taken(line: &mut Line<String>, budget: usize) -> Vec<u32> {
        line.take(budget).map_or(Vec::new(), |batch| batch.texts.iter().map(|text| text[0]).collect())
    }

    #[test]
    fn units_keep_to_the_budget_and_lose_no_text() {
        let lengths = [3, 300, 100, 0, 60, 100, 256];
        let units = into_units(lengths.iter().map(|length| vec![7; *length]).collect(), 256);
        assert_eq!(units.iter().map(super::Unit::tokens).collect::<Vec<_>>(), [300, 256, 200, 63]);
        let mut places: Vec<usize> = units.iter().flat_map(|unit| unit.places.clone()).collect();
        places.sort_unstable();
        assert_eq!(places, [0, 1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn calls_take_turns() {
        let (model, mut line) = (Arc::new("a".to_owned()), Line::default());
        line.push(call(1, &model, &[10, 10, 10]));
        line.push(call(2, &model, &[10, 10]));
        let order: Vec<u32> = (0..5).flat_map(|_| taken(&mut line, 10)).collect();
        assert_eq!(order, [1, 2, 1, 2, 1]);
        assert!(line.take(10).is_none());
    }

    #[test]
    fn a_large_budget_takes_several_rounds() {
        let (model, mut line) = (Arc::new("a".to_owned()), Line::default());
        line.push(call(1, &model, &[10, 10, 10, 10]));
        line.push(call(2, &model, &[10]));
        assert_eq!(taken(&mut line, 45), [1, 2, 1, 1]);
        assert_eq!(taken(&mut line, 45), [1]);
        assert_eq!(line.tokens(), 0);
    }

    #[test]
    fn small_calls_of_one_model_are_computed_together() {
        let (model, other, mut line) = (Arc::new("a".to_owned()), Arc::new("b".to_owned()), Line::default());
        for id in 1..5 {
            line.push(call(id, &model, &[3]));
        }
        line.push(call(5, &other, &[1]));
        assert_eq!(taken(&mut line, 10), [1, 2, 3]);
        assert_eq!(taken(&mut line, 10), [4], "another model has its own batch");
        assert_eq!(taken(&mut line, 10), [5]);
        assert_eq!(line.tokens(), 0);
    }

    #[test]
    fn a_unit_above_the_budget_is_taken_alone() {
        let (model, mut line) = (Arc::new("a".to_owned()), Line::default());
        line.push(call(1, &model, &[40]));
        line.push(call(2, &model, &[1]));
        assert_eq!(taken(&mut line, 10), [1]);
        assert_eq!(taken(&mut line, 10), [2]);
    }

    #[test]
    fn a_removed_call_waits_no_more() {
        let (model, mut line) = (Arc::new("a".to_owned()), Line::default());
        line.push(call(1, &model, &[10, 10]));
        line.push(call(2, &model, &[4]));
        line.remove(1);
        assert_eq!(line.tokens(), 4);
        assert_eq!(taken(&mut line, 10), [2]);
        line.remove(2);
        assert_eq!(line.tokens(), 0);
    }
}
