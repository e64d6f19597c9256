//! Looking at the states between layers: what the tests and the check on a card compare.

use crate::cuda::fault::Fault;
use crate::cuda::machine::{Machine, Span};

/// Gets the states of each stage, or nothing.
pub(crate) struct Watch<'a>(pub Option<&'a mut dyn FnMut(Vec<f32>)>);

impl Watch<'_> {
    /// Shows `count` floats of `states`, when anybody looks.
    ///
    /// # Errors
    /// When the machine fails.
    pub fn see(&mut self, machine: &dyn Machine, states: Span, count: usize) -> Result<(), Fault> {
        let Some(look) = &mut self.0 else { return Ok(()) };
        look(floats(machine, states, count)?);
        Ok(())
    }
}

/// The first `count` floats of `from`, once all work is done.
///
/// # Errors
/// When the machine fails.
pub(crate) fn floats(machine: &dyn Machine, from: Span, count: usize) -> Result<Vec<f32>, Fault> {
    let mut bytes = vec![0; 4 * count];
    machine.download(from, &mut bytes)?;
    Ok(bytes.as_chunks::<4>().0.iter().map(|raw| f32::from_le_bytes(*raw)).collect())
}
