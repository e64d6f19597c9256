//! Buffers of one worker, reused from unit to unit.

use crate::local::linear::{self, Rows};
use crate::local::ops::attention;

/// What the parts of a model write to. The texts of a unit lie end to end, without padding.
pub(crate) struct Scratch {
    pub rows: Rows,
    pub attention: attention::Scratch,
    /// `[tokens, hidden]`: what goes from layer to layer; the result in the end.
    pub states: Vec<f32>,
    pub next: Vec<f32>,
    pub wide: Vec<f32>,
    pub inner: Vec<f32>,
    /// Text `t` is the tokens `offsets[t]..offsets[t + 1]`.
    pub offsets: Vec<usize>,
}

impl Default for Scratch {
    fn default() -> Self {
        Self::new(linear::Isa::detect())
    }
}

impl Scratch {
    /// Empty buffers; they grow to the largest unit.
    pub fn new(isa: linear::Isa) -> Self {
        Self {
            rows: Rows::new(isa),
            attention: attention::Scratch::default(),
            states: Vec::new(),
            next: Vec::new(),
            wide: Vec::new(),
            inner: Vec::new(),
            offsets: Vec::new(),
        }
    }

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
}
