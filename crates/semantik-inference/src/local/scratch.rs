//! Buffers of one worker, reused from unit to unit.

use crate::local::hands::Hands;
use crate::local::tokens::SECOND;
use crate::local::weights::Table;

/// What the parts of a model write to. The texts of a unit lie end to end, without padding. All
/// grow to the largest unit.
#[derive(Default)]
pub(crate) struct Scratch {
    pub hands: Hands,
    /// `[tokens, hidden]`: what goes from layer to layer; the result in the end.
    pub states: Vec<f32>,
    pub next: Vec<f32>,
    pub wide: Vec<f32>,
    pub inner: Vec<f32>,
    /// Text `t` is the tokens `offsets[t]..offsets[t + 1]`.
    pub offsets: Vec<usize>,
}

impl Scratch {
    /// Notes where each text lies; the number of tokens.
    pub fn place(&mut self, texts: &[Vec<u32>]) -> usize {
        self.offsets.clear();
        self.offsets.push(0);
        let mut tokens = 0;
        self.offsets.extend(texts.iter().map(|text| {
            tokens += text.len();
            tokens
        }));
        tokens
    }

    /// Places the texts and makes their first states, each token's word; the number of tokens.
    ///
    /// # Panics
    /// When an id is outside the table.
    pub fn embed(&mut self, texts: &[Vec<u32>], words: &Table) -> usize {
        let (tokens, width) = (self.place(texts), words.width());
        self.states.clear();
        self.states.resize(tokens * width, 0.0);
        for (id, row) in texts.iter().flatten().zip(self.states.chunks_exact_mut(width)) {
            words.add_row((id & !SECOND) as usize, row);
        }
        tokens
    }
}
