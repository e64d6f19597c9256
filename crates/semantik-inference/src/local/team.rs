//! Several threads at one query: the steps of a layer are shared out in small parts.
//!
//! One thread leads: it publishes each step and works on it itself. Idle workers help for as long as
//! they have nothing else to do. A step is cut into more parts than there are threads, and whoever
//! is free claims the next one, so a helper that comes late, leaves or is put to sleep by the system
//! holds up no more than the part it has claimed. Who computes a part does not change its bits.
//!
//! Threads spin between two steps, since these are a few millionths of a second apart. Where a
//! helper turns out to sleep on a part the machine is busy: the leader goes on alone, and the next
//! queries are not shared.
//!
//! `share` runs in tests on a model checker's threads as well, so it takes what threads share from
//! `sync` and `pause` alone.

mod pause;
mod share;
mod sync;
#[cfg(test)]
pub(crate) mod tests;

use crate::local::ops::attention::Scratch;

pub(crate) use share::{Lead, Team};
