//! A list of texts sent in requests of the right size, several at once, and put together in order.

use std::ops::Range;

use futures::{StreamExt, TryStreamExt};
use semantik_core::Fingerprint;

use crate::remote::exchange::Exchange;
use crate::remote::link::{Failed, Link};
use crate::remote::options::Limits;
use crate::remote::vectors::Unusable;
use crate::remote::wire::Request;
use crate::remote::{RemoteOptions, Truncation, batches, tokens};
use crate::{InferenceError, ModelKind, Purpose};

/// Answers that take longer than this to read are read beside the other work.
const LARGE: usize = 256 * 1024;
/// How often a text is made shorter; each time it loses half.
const CUTS: usize = 8;
/// What servers get for a text without words: some refuse an empty one.
const BLANK: &str = ".";

/// Reads an answer.
pub(crate) type Reader<T> = Box<dyn FnOnce(&[u8]) -> Result<Vec<T>, Unusable> + Send>;

/// What is asked about each text.
pub(crate) trait Question: Send + Sync {
    type Answer: Send + 'static;
    /// Optional fields of a request.
    type Form: Send + Sync;

    fn purpose(&self) -> Purpose;
    /// The fields that are to be sent now.
    fn form(&self) -> Self::Form;
    fn request(&self, texts: &[&str], form: &Self::Form) -> Request;
    /// Learns from a refusal; true when the next form is another one.
    fn relax(&self, form: &Self::Form, refusal: &crate::remote::complaint::Complaint) -> bool;
    /// Learns from an answer what made it; false when the server must be asked in another form.
    ///
    /// # Errors
    /// What the server says, when it said something else before.
    fn heard(&self, made: Option<&Fingerprint>, form: &Self::Form) -> Result<bool, String> {
        let (_, _) = (made, form);
        Ok(true)
    }
    /// The most bytes an honest answer has.
    fn most_bytes(&self, texts: &[&str]) -> usize;
    fn reader(&self, count: usize) -> Reader<Self::Answer>;
}

/// A provider, ready to be asked.
pub(crate) struct Service {
    pub exchange: Exchange,
    pub link: Link,
    limits: Limits,
    kind: ModelKind,
    model: String,
    truncation: Truncation,
    in_flight: usize,
}

impl Service {
    /// Prepares to ask; nothing is sent.
    pub fn new(options: &RemoteOptions, exchange: Exchange) -> Self {
        Self {
            link: Link::new(options, exchange.host()),
            exchange,
            limits: options.limits(),
            kind: options.kind,
            model: options.model.clone(),
            truncation: options.truncation,
            in_flight: options.in_flight.max(1),
        }
    }

    /// One answer per text, in order.
    ///
    /// # Errors
    /// The first that any request meets.
    pub async fn ask<Q: Question>(&self, question: &Q, texts: &[String]) -> Result<Vec<Q::Answer>, InferenceError> {
        let texts: Vec<&str> = texts.iter().map(|text| self.prepared(text)).collect();
        let batches: Vec<_> =
            batches::split(&texts, self.limits).into_iter().map(|range| self.batch(question, &texts, range)).collect();
        let answers: Vec<Vec<Q::Answer>> =
            futures::stream::iter(batches).buffered(self.in_flight).try_collect().await?;
        Ok(answers.into_iter().flatten().collect())
    }

    /// Never empty, and not so long that the server would be a fool to read it. The estimate is
    /// rough, so only what is twice too long is cut here.
    fn prepared<'a>(&self, text: &'a str) -> &'a str {
        let text = tokens::cut(text, 2 * self.limits.text_tokens, self.truncation);
        if text.trim().is_empty() { BLANK } else { text }
    }

    /// A range of texts, halved as long as it is too much for the server.
    async fn batch<Q: Question>(
        &self,
        question: &Q,
        texts: &[&str],
        range: Range<usize>,
    ) -> Result<Vec<Q::Answer>, InferenceError> {
        let mut answers = Vec::with_capacity(range.len());
        let mut parts = vec![range];
        while let Some(part) = parts.pop() {
            match self.request(question, &texts[part.clone()]).await {
                Ok(more) => answers.extend(more),
                Err(Failed::TooMuch(why)) if part.len() == 1 => {
                    answers.extend(self.shortened(question, texts[part.start], part.start, why).await?);
                }
                Err(Failed::TooMuch(why)) => {
                    tracing::debug!(host = self.link.host(), texts = part.len(), why, "halving a request");
                    let middle = part.start + part.len() / 2;
                    parts.extend([middle..part.end, part.start..middle]);
                }
                Err(Failed::Final(InferenceError::BadVector { host, place, why })) => {
                    return Err(InferenceError::BadVector { host, place: part.start + place, why });
                }
                Err(error) => return Err(self.told(error)),
            }
        }
        Ok(answers)
    }

    /// A text that is too long for the server although it is alone.
    async fn shortened<Q: Question>(
        &self,
        question: &Q,
        text: &str,
        place: usize,
        mut why: String,
    ) -> Result<Vec<Q::Answer>, InferenceError> {
        if self.truncation != Truncation::None {
            let most = self.limits.text_tokens;
            let mut room = most.min(tokens::count(text, 2 * most) * 3 / 4);
            for _ in 0..CUTS {
                match self.request(question, &[tokens::cut(text, room.max(1), self.truncation)]).await {
                    Err(Failed::TooMuch(again)) => (why, room) = (again, room / 2),
                    other => return other.map_err(|error| self.told(error)),
                }
            }
        }
        Err(InferenceError::TooLong { host: self.link.host().to_owned(), place, why })
    }

    /// One request, repeated without the optional fields the server refuses.
    async fn request<Q: Question>(&self, question: &Q, texts: &[&str]) -> Result<Vec<Q::Answer>, Failed> {
        let most = question.most_bytes(texts);
        loop {
            let form = question.form();
            let Request { path, body } = question.request(texts, &form);
            let send = || self.exchange.post(path, body.clone(), most);
            match self.link.call(question.purpose(), send).await {
                Err(Failed::Rejected(complaint)) if question.relax(&form, &complaint) => {
                    tracing::info!(host = self.link.host(), %complaint, "asking without an optional field");
                }
                Err(failed) => return Err(failed),
                Ok(answer) => {
                    let read = self.read(question.reader(texts.len()), answer.body).await?;
                    // Only an answer that holds what was asked for says who gave it.
                    if question.heard(answer.made.as_ref(), &form).map_err(|said| self.changed(&said))? {
                        return Ok(read);
                    }
                    tracing::info!(host = self.link.host(), "asking a Semantik model service in its own words");
                }
            }
        }
    }

    async fn read<T: Send + 'static>(&self, reader: Reader<T>, body: Vec<u8>) -> Result<Vec<T>, Failed> {
        let read = if body.len() < LARGE {
            reader(&body)
        } else {
            tokio::task::spawn_blocking(move || reader(&body))
                .await
                .unwrap_or_else(|error| Err(Unusable::Shape(error.to_string())))
        };
        read.map_err(|unusable| Failed::Final(self.unusable(unusable)))
    }

    fn changed(&self, said: &str) -> InferenceError {
        InferenceError::OtherModel { host: self.link.host().to_owned(), model: self.model.clone(), said: said.into() }
    }

    fn unusable(&self, unusable: Unusable) -> InferenceError {
        let host = self.link.host().to_owned();
        match unusable {
            Unusable::Shape(why) => InferenceError::BadAnswer { kind: self.kind, host, why },
            Unusable::Vector { place, why } => InferenceError::BadVector { host, place, why: why.to_owned() },
            Unusable::Dimensions { found, expected } => {
                InferenceError::DimensionMismatch { host, model: self.model.clone(), found, expected }
            }
        }
    }

    /// What a caller is told who cannot help.
    pub fn told(&self, failed: Failed) -> InferenceError {
        let refused = |why| InferenceError::Refused { host: self.link.host().to_owned(), why };
        match failed {
            Failed::Final(error) => error,
            Failed::TooMuch(why) => refused(why),
            Failed::Rejected(complaint) => refused(complaint.to_string()),
        }
    }
}
