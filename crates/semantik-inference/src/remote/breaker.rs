//! A circuit breaker: a server that fails again and again is left alone for a while, then tried once.
//!
//! Time is tokio's, so tests may pause it.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// So many failures ...
const FAILURES: usize = 5;
/// ... within this time open it ...
const WINDOW: Duration = Duration::from_secs(60);
/// ... for so long.
const REST: Duration = Duration::from_secs(30);

/// Counts failures and says whether a request may go.
#[derive(Debug, Default)]
pub(crate) struct Breaker {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// When the failures of the last minute happened.
    failures: VecDeque<Instant>,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    since: Instant,
    until: Instant,
    /// A request is out to see whether the server is back.
    trial: bool,
    /// What the last failure was.
    why: String,
}

/// Why a request may not go.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Opened {
    /// How long it has been failing.
    pub since: Duration,
    /// How long until it is tried again.
    pub left: Duration,
    /// What the last failure was.
    pub why: String,
}

/// The right to send one request. Dropped without a word it changes nothing.
#[derive(Debug)]
pub(crate) struct Pass<'a> {
    breaker: &'a Breaker,
    trial: bool,
}

impl Breaker {
    /// Lets a request go, or says how long it is closed to all.
    ///
    /// # Errors
    /// [`Opened`] while it is open, and while another request tries whether the server is back.
    pub fn admit(&self) -> Result<Pass<'_>, Opened> {
        let mut state = self.state();
        let Some(open) = &mut state.open else { return Ok(Pass { breaker: self, trial: false }) };
        let now = Instant::now();
        if now < open.until || open.trial {
            let (since, left) = (now.duration_since(open.since), open.until.duration_since(now));
            return Err(Opened { since, left, why: open.why.clone() });
        }
        open.trial = true;
        Ok(Pass { breaker: self, trial: true })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pass<'_> {
    /// The server answered in its right mind.
    pub fn succeeded(self) {
        if self.trial {
            *self.breaker.state() = State::default();
        }
    }

    /// The server did not answer, or with an error of its own.
    pub fn failed(self, why: &str) {
        let now = Instant::now();
        let mut state = self.breaker.state();
        match &mut state.open {
            Some(open) if self.trial => {
                *open = Open { since: open.since, until: now + REST, trial: false, why: why.to_owned() };
            }
            // Sent before it opened: that is known already.
            Some(_) => {}
            None => {
                state.failures.push_back(now);
                state.failures.retain(|at| now.duration_since(*at) < WINDOW);
                if state.failures.len() >= FAILURES {
                    let since = state.failures.pop_front().unwrap_or(now);
                    state.open = Some(Open { since, until: now + REST, trial: false, why: why.to_owned() });
                    state.failures.clear();
                }
            }
        }
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if self.trial
            && let Some(open) = &mut self.breaker.state().open
        {
            open.trial = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::{Breaker, Duration, Opened};

    const SECOND: Duration = Duration::from_secs(1);

    fn fail(breaker: &Breaker, times: usize) {
        for _ in 0..times {
            breaker.admit().expect("closed").failed("502");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn five_failures_in_a_minute_open_it_for_half_a_minute() {
        let breaker = Breaker::default();
        fail(&breaker, 4);
        advance(61 * SECOND).await;
        fail(&breaker, 4);
        advance(10 * SECOND).await;
        fail(&breaker, 1);
        advance(SECOND).await;
        let opened = Opened { since: 11 * SECOND, left: 29 * SECOND, why: "502".into() };
        assert_eq!(breaker.admit().err(), Some(opened));
        advance(29 * SECOND).await;
        breaker.admit().expect("half-open").succeeded();
        fail(&breaker, 4);
        assert!(breaker.admit().is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn one_request_tries_whether_the_server_is_back() {
        let breaker = Breaker::default();
        fail(&breaker, 5);
        advance(30 * SECOND).await;
        let trial = breaker.admit().expect("the trial");
        assert!(breaker.admit().is_err(), "only one");
        trial.failed("503");
        assert_eq!(breaker.admit().err().map(|opened| opened.left), Some(30 * SECOND));
        advance(30 * SECOND).await;
        drop(breaker.admit().expect("a trial that is cancelled"));
        assert!(breaker.admit().is_ok(), "the next one may try");
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_from_before_does_not_close_it() {
        let breaker = Breaker::default();
        let early = breaker.admit().expect("closed");
        fail(&breaker, 5);
        early.succeeded();
        assert!(breaker.admit().is_err());
    }
}
