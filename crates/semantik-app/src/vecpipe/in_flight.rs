//! What is being worked on now.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts calls that wait for a model. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct InFlight(Arc<AtomicUsize>);

/// One call; it ends when this is dropped, however it ends.
pub(super) struct Call(InFlight);

impl InFlight {
    /// A call begins.
    pub(super) fn begin(&self) -> Call {
        self.0.fetch_add(1, Ordering::Relaxed);
        metrics::gauge!("semantik_inference_in_flight").increment(1.0);
        Call(self.clone())
    }

    /// Calls that have not ended.
    pub(super) fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
        metrics::gauge!("semantik_inference_in_flight").decrement(1.0);
    }
}
