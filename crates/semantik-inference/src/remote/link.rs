//! One provider as all calls see it: how many at once, when to wait, when to try again, when to stop.

use std::future::Future;
use std::time::Duration;

use semantik_core::{Clock, Secret, SystemClock};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout_at};

use crate::remote::breaker::{Breaker, Opened, Pass};
use crate::remote::complaint::{Complaint, Remedy};
use crate::remote::exchange::{Answer, Fault};
use crate::remote::limiter::Limiter;
use crate::remote::{Patience, RemoteOptions};
use crate::{InferenceError, ModelKind, Purpose};

/// Times a query is sent at most: somebody waits, and words alone find something too.
const QUERY_ATTEMPTS: u32 = 3;

/// The shared state of all calls to one provider.
pub(crate) struct Link {
    kind: ModelKind,
    host: String,
    model: String,
    key: Option<Secret>,
    patience: Patience,
    passages: Semaphore,
    queries: Semaphore,
    limiter: Limiter,
    breaker: Breaker,
}

/// Why a request has no answer.
#[derive(Debug)]
pub(crate) enum Failed {
    /// Less may work.
    TooMuch(String),
    /// Without an optional field it may work.
    Rejected(Complaint),
    Final(InferenceError),
}

impl From<InferenceError> for Failed {
    fn from(error: InferenceError) -> Self {
        Self::Final(error)
    }
}

/// What an attempt led to.
enum Outcome {
    Answer(Answer),
    Failed(Failed),
    /// Another attempt may work; if none is left, this is the error.
    Again(InferenceError),
    /// The same, and the limiter says when.
    Limited,
}

impl Link {
    /// A provider nobody has called yet.
    pub fn new(options: &RemoteOptions, host: &str) -> Self {
        let room = options.in_flight.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            kind: options.kind,
            host: host.to_owned(),
            model: options.model.clone(),
            key: options.api_key.clone(),
            patience: options.patience,
            passages: Semaphore::new(room),
            queries: Semaphore::new(room),
            limiter: Limiter::default(),
            breaker: Breaker::default(),
        }
    }

    /// The host, for errors.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Sends until there is an answer, patience ends or trying again is no use. Queries and passages
    /// have their own places, so neither waits for the other. Dropping the future ends it.
    ///
    /// # Errors
    /// [`Failed`], by what may help.
    pub async fn call<S, F>(&self, purpose: Purpose, send: S) -> Result<Answer, Failed>
    where
        S: Fn() -> F + Send + Sync,
        F: Future<Output = Result<Answer, Fault>> + Send,
    {
        let Patience { attempts, .. } = self.patience;
        let (lane, total, attempts) = match purpose {
            Purpose::Query => (&self.queries, self.patience.query, attempts.min(QUERY_ATTEMPTS)),
            Purpose::Passage => (&self.passages, self.patience.passages, attempts),
        };
        let _place = lane.acquire().await.expect("a lane is never closed");
        let deadline = Instant::now() + total;
        let mut attempt = 0;
        loop {
            attempt += 1;
            self.limiter.wait(deadline).await.map_err(|left| self.limited(left))?;
            let pass = self.breaker.admit().map_err(|opened| self.opened(opened))?;
            let answer = timeout_at(deadline, send()).await;
            let answer = answer.unwrap_or_else(|_| Err(Fault::Broken("it took too long".into())));
            let more = attempt < attempts;
            match self.judge(answer, pass, self.pause(attempt)) {
                Outcome::Answer(answer) => return Ok(answer),
                Outcome::Failed(failed) => return Err(failed),
                Outcome::Limited if more => {}
                Outcome::Limited => return Err(self.limited(self.limiter.left()).into()),
                Outcome::Again(error) => {
                    let pause = self.pause(attempt);
                    if !more || Instant::now() + pause >= deadline {
                        return Err(error.into());
                    }
                    tracing::debug!(host = self.host, %error, attempt, "trying again");
                    sleep(pause).await;
                }
            }
        }
    }

    /// Half of it is chance, so that callers do not come back together.
    fn pause(&self, attempt: u32) -> Duration {
        let factor = 2_u32.saturating_pow(attempt.saturating_sub(1));
        let pause = self.patience.first_pause.saturating_mul(factor).min(self.patience.longest_pause);
        pause.mul_f64(0.5 + rand::random::<f64>() / 2.0)
    }

    /// `usual` is how long to wait when the server does not say.
    fn judge(&self, answer: Result<Answer, Fault>, pass: Pass<'_>, usual: Duration) -> Outcome {
        let answer = match answer {
            Ok(answer) => answer,
            Err(Fault::Broken(why)) => return self.broken(pass, why),
            Err(Fault::TooLarge { most }) => {
                pass.succeeded();
                let why = format!("more than the {most} bytes that such an answer can have");
                return self.failed(InferenceError::BadAnswer { kind: self.kind, host: self.host.clone(), why });
            }
        };
        if answer.status.is_success() {
            pass.succeeded();
            if let Some(pause) = answer.hints.exhausted {
                self.limiter.hold(pause);
            }
            return Outcome::Answer(answer);
        }
        let complaint = Complaint::read(answer.status, &answer.body, self.key.as_ref());
        let (host, why) = (self.host.clone(), complaint.to_string());
        if let Some(target) = answer.moved {
            pass.succeeded();
            let why = format!("it points to {target}");
            return self.failed(InferenceError::UnknownModel { kind: self.kind, host, model: self.model.clone(), why });
        }
        match complaint.remedy() {
            Remedy::Again => {
                if let Some(pause) = answer.hints.retry_after {
                    self.limiter.hold(pause);
                }
                return self.broken(pass, why);
            }
            Remedy::Wait => {
                let said = answer.hints.after_refusal().filter(|pause| !pause.is_zero());
                self.limiter.hold(said.unwrap_or(usual));
                return Outcome::Limited;
            }
            Remedy::Less | Remedy::Account | Remedy::Model | Remedy::None => pass.succeeded(),
        }
        match complaint.remedy() {
            Remedy::Less => Outcome::Failed(Failed::TooMuch(why)),
            Remedy::Account => self.failed(InferenceError::Unauthorized { kind: self.kind, host, why }),
            Remedy::Model => {
                self.failed(InferenceError::UnknownModel { kind: self.kind, host, model: self.model.clone(), why })
            }
            Remedy::None | Remedy::Again | Remedy::Wait => Outcome::Failed(Failed::Rejected(complaint)),
        }
    }

    fn failed(&self, error: InferenceError) -> Outcome {
        Outcome::Failed(Failed::Final(error))
    }

    fn broken(&self, pass: Pass<'_>, why: String) -> Outcome {
        pass.failed(&why);
        Outcome::Again(InferenceError::Unreachable { kind: self.kind, host: self.host.clone(), why })
    }

    fn limited(&self, retry_after: Duration) -> InferenceError {
        InferenceError::RateLimited { host: self.host.clone(), retry_after }
    }

    fn opened(&self, opened: Opened) -> InferenceError {
        let now = SystemClock.now();
        let milliseconds = |span: Duration| i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        InferenceError::CircuitOpen {
            host: self.host.clone(),
            since: now.saturating_sub(milliseconds(opened.since)),
            until: now.saturating_add(milliseconds(opened.left)),
            why: opened.why,
        }
    }
}

#[cfg(test)]
mod tests;
