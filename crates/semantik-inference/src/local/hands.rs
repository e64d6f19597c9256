//! Who computes the heavy steps of a layer: this thread, and those that help it.

use crate::local::isa::Isa;
use crate::local::linear::{Finish, Linear, Output, Rows};
use crate::local::ops::attention::{self, Heads, Shape};
use crate::local::team::Lead;

/// The working memory of a thread, and its right to the help of others.
///
/// Results are bit for bit the same with help and without.
pub(crate) struct Hands {
    isa: Isa,
    rows: Rows,
    attention: attention::Scratch,
    lead: Option<Lead>,
}

impl Default for Hands {
    fn default() -> Self {
        let isa = Isa::detect();
        Self { isa, rows: Rows::new(isa), attention: attention::Scratch::default(), lead: None }
    }
}

impl Hands {
    /// Shares what follows with the team that `lead` leads, or with nobody.
    pub(crate) fn lead(&mut self, lead: Option<Lead>) {
        self.lead = lead;
    }

    /// The memory that helping another thread takes.
    pub(crate) fn attention(&mut self) -> &mut attention::Scratch {
        &mut self.attention
    }

    /// Puts `tokens` rows of `input` through `layer` into `output`, which gets its size.
    pub(crate) fn product(
        &mut self,
        layer: &Linear,
        input: &[f32],
        tokens: usize,
        finish: Finish,
        output: &mut Vec<f32>,
    ) {
        let (outputs, width) = (layer.outputs(), layer.panel_width());
        output.resize(tokens * outputs, 0.0);
        let input = self.rows.prepare(layer.precision(), &input[..tokens * layer.inputs()], tokens, layer.inputs());
        let output = Output::new(output, tokens, outputs, outputs);
        let Some(lead) = &mut self.lead else { return layer.forward(&input, 0..outputs, finish, output) };
        lead.share(outputs.div_ceil(width), &mut self.attention, &|panels, _| {
            let columns = panels.start * width..(panels.end * width).min(outputs);
            // SAFETY: `share` gives every panel to one part.
            let part = unsafe { output.part(columns.clone()) };
            layer.forward(&input, columns, finish, part);
        });
    }

    /// Attention of every sequence, see [`attention::attend`]; `out` is `[tokens, shape.width()]`.
    pub(crate) fn attend(&mut self, shape: &Shape<'_>, qkv: &[f32], offsets: &[usize], out: &mut [f32]) {
        let (isa, out) = (self.isa, Heads::whole(shape, out));
        let Some(lead) = &mut self.lead else {
            return attention::attend(isa, shape, qkv, offsets, &mut self.attention, out);
        };
        let group = shape.heads / shape.kv_heads;
        lead.share(shape.kv_heads, &mut self.attention, &|pairs, scratch| {
            // SAFETY: `share` gives every pair, and with it its heads, to one part.
            let part = unsafe { out.part(pairs.start * group..pairs.end * group) };
            attention::attend(isa, shape, qkv, offsets, scratch, part);
        });
    }
}

#[cfg(test)]
pub(crate) mod tests;
