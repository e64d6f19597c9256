//! A pause that holds for every call to one provider.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Calls that waited together do not leave in the same instant.
const SPREAD: Duration = Duration::from_millis(100);

/// Until when nothing is sent.
#[derive(Debug, Default)]
pub(crate) struct Limiter {
    until: Mutex<Option<Instant>>,
}

impl Limiter {
    /// Nothing is sent for so long. A shorter pause never ends a longer one.
    pub fn hold(&self, pause: Duration) {
        let mut until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        *until = (*until).max(Some(Instant::now() + pause));
    }

    /// What is left of the pause.
    pub fn left(&self) -> Duration {
        let until = *self.until.lock().unwrap_or_else(PoisonError::into_inner);
        until.map(|until| until.saturating_duration_since(Instant::now())).unwrap_or_default()
    }

    /// Waits until sending is allowed.
    ///
    /// # Errors
    /// The rest of the pause, at once, when it lasts beyond `deadline`.
    pub async fn wait(&self, deadline: Instant) -> Result<(), Duration> {
        loop {
            let until = *self.until.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(until) = until.filter(|until| *until > Instant::now()) else { return Ok(()) };
            if until > deadline {
                return Err(until.duration_since(Instant::now()));
            }
            sleep_until(until + SPREAD.mul_f64(rand::random())).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Duration, Instant, Limiter};

    #[tokio::test(start_paused = true)]
    async fn everyone_waits_for_the_longest_pause_asked_for() {
        let (limiter, start) = (Limiter::default(), Instant::now());
        limiter.hold(Duration::from_secs(5));
        limiter.hold(Duration::from_secs(1));
        let deadline = start + Duration::from_secs(60);
        let (left, right) = tokio::join!(limiter.wait(deadline), limiter.wait(deadline));
        assert_eq!((left, right), (Ok(()), Ok(())));
        assert!((5000..5200).contains(&start.elapsed().as_millis()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_beyond_the_deadline_is_told_at_once() {
        let (limiter, start) = (Limiter::default(), Instant::now());
        limiter.hold(Duration::from_secs(600));
        assert_eq!(limiter.wait(start + Duration::from_secs(10)).await, Err(Duration::from_secs(600)));
        assert_eq!(start.elapsed(), Duration::ZERO);
    }
}
