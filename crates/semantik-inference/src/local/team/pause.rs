//! Waiting for another thread for a very short time.

use std::time::{Duration, Instant};

/// Turns of spinning, about 30 millionths of a second, before the core is offered to others.
const SPINS: u32 = 1000;

/// One wait.
#[derive(Default)]
pub(super) struct Pause {
    turns: u32,
    since: Option<Instant>,
}

impl Pause {
    /// Waits for a moment; for how long it has done more than spin.
    pub(super) fn wait(&mut self) -> Duration {
        if self.turns < SPINS {
            self.turns += 1;
            std::hint::spin_loop();
            return Duration::ZERO;
        }
        let since = *self.since.get_or_insert_with(Instant::now);
        std::thread::yield_now();
        since.elapsed()
    }
}
