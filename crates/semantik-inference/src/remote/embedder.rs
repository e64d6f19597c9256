//! Vectors from a remote model.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use semantik_core::{Fingerprint, Provider};
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use crate::cancel::leave_on;
use crate::models::{Prefixes, hex, recipe};
use crate::remote::address::Address;
use crate::remote::complaint::Complaint;
use crate::remote::exchange::Exchange;
use crate::remote::service::{Question, Reader, Service};
use crate::remote::tokens::Estimate;
use crate::remote::wire::{EmbedAsk, Request};
use crate::remote::{RemoteOptions, Truncation, open, vectors, wire};
use crate::{Embedder, InferenceError, ModelInfo, Purpose, TokenCounter};

/// What is embedded to see whether everything is right.
const PROBE: &str = "semantik";
/// No vector is longer; for the limit on an answer before the size is known.
const MOST_DIMENSIONS: usize = 65_536;
/// Bytes of a number in an answer, generously.
const NUMBER_BYTES: usize = 32;
/// Bytes of an answer beside its numbers.
const FRAME_BYTES: usize = 1024 * 1024;

/// An embedder behind an HTTP API.
///
/// A text without words is sent as a full stop, since some servers refuse an empty one.
///
/// A Semantik model service says in every answer what made the vectors. They are then known by that,
/// as those of the same model in this process are, and another one in a later answer is an error.
pub struct RemoteEmbedder {
    /// What is known before the first answer, and for good of any other server.
    assumed: ModelInfo,
    certain: OnceLock<ModelInfo>,
    service: Service,
    wants: Wants,
}

/// What to put into requests.
struct Wants {
    provider: Provider,
    model: String,
    truncation: Truncation,
    prefixes: Prefixes,
    /// What made the vectors of the first answer; `None` in it when the server did not say.
    made: OnceLock<Option<Fingerprint>>,
    /// Numbers to ask for.
    dimensions: Option<usize>,
    /// The server refused to be asked for base64.
    plain: AtomicBool,
    /// The server refused to be asked for a number of dimensions.
    natural: AtomicBool,
}

impl RemoteEmbedder {
    /// Connects: embeds one word, so that a wrong address, key, model or number of dimensions is told
    /// now.
    ///
    /// # Errors
    /// What is wrong, and what to set.
    pub async fn connect(options: RemoteOptions) -> Result<Self, InferenceError> {
        let exchange = Exchange::new(&options, open::address(&options)?)?;
        Self::meet(options.clone(), &Service::new(&options.for_probe(), exchange)).await
    }

    /// The same through a service that may have been asked before.
    ///
    /// # Errors
    /// As [`Self::connect`].
    pub(super) async fn meet(mut options: RemoteOptions, first: &Service) -> Result<Self, InferenceError> {
        let address = open::address(&options)?;
        if options.provider == Provider::Tei {
            open::learn(&mut options, first).await?;
        }
        let wants = Wants::of(&options);
        let question = Embedding { wants: &wants, purpose: Purpose::Query, dimensions: options.dimensions };
        let probe = first.ask(&question, &[PROBE.to_owned()]).await?;
        let found = probe.first().map_or(0, Vec::len);
        if !(1..=MOST_DIMENSIONS).contains(&found) {
            let why = format!("a vector of {found} numbers");
            return Err(InferenceError::BadAnswer { kind: options.kind, host: address.host().to_owned(), why });
        }
        let assumed = info(&options, &address, found);
        let service = Service::new(&options, first.exchange.clone());
        Ok(Self { assumed, certain: OnceLock::new(), service, wants })
    }

    /// The same without asking the server: every answer is checked against `dimensions`.
    ///
    /// # Errors
    /// [`InferenceError::Settings`].
    pub fn new_unchecked(mut options: RemoteOptions, dimensions: usize) -> Result<Self, InferenceError> {
        options.dimensions = Some(dimensions);
        let address = open::address(&options)?;
        let service = Service::new(&options, Exchange::new(&options, address.clone())?);
        let assumed = info(&options, &address, dimensions);
        Ok(Self { assumed, certain: OnceLock::new(), service, wants: Wants::of(&options) })
    }
}

impl RemoteEmbedder {
    fn embedding(&self, purpose: Purpose) -> Embedding<'_> {
        Embedding { wants: &self.wants, purpose, dimensions: Some(self.assumed.dimensions) }
    }
}

/// The hash stands for everything that decides what vectors come back, as far as it is known here.
pub(crate) fn info(options: &RemoteOptions, address: &Address, dimensions: usize) -> ModelInfo {
    let mut hash = Sha256::new();
    for part in ["semantik remote model 1", options.provider.as_str(), address.as_str(), &options.model] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    ModelInfo {
        name: options.model.clone(),
        hash: hex(&hash.finalize()),
        quantization: options.quantization,
        recipe: recipe(&options.prefixes),
        dimensions,
        max_tokens: options.limits().text_tokens,
    }
}

#[async_trait]
impl Embedder for RemoteEmbedder {
    fn info(&self) -> &ModelInfo {
        let Some(Some(made)) = self.wants.made.get() else { return &self.assumed };
        self.certain.get_or_init(|| {
            let Fingerprint { hash, quantization, recipe } = made.clone();
            ModelInfo { hash, quantization, recipe, ..self.assumed.clone() }
        })
    }

    async fn identify(&self) -> Result<&ModelInfo, InferenceError> {
        if self.wants.made.get().is_none() {
            self.service.ask(&self.embedding(Purpose::Query), &[PROBE.to_owned()]).await?;
        }
        Ok(self.info())
    }

    async fn embed(
        &self,
        texts: Vec<String>,
        purpose: Purpose,
        cancel: &CancellationToken,
    ) -> Result<Vec<Vec<f32>>, InferenceError> {
        let question = self.embedding(purpose);
        leave_on(cancel, self.service.ask(&question, &texts)).await
    }

    fn variant(&self) -> &str {
        match self.wants.truncation {
            Truncation::None => "whole",
            Truncation::Start => "without the start",
            Truncation::End => "without the end",
        }
    }

    fn tokens(&self) -> Arc<dyn TokenCounter> {
        Arc::new(Estimate)
    }
}

impl Wants {
    fn of(options: &RemoteOptions) -> Self {
        Self {
            provider: options.provider,
            model: options.model.clone(),
            truncation: options.truncation,
            prefixes: options.prefixes.clone(),
            // The service does not speak the protocols of the other two.
            made: match options.provider {
                Provider::OpenAi | Provider::Tei => OnceLock::new(),
                Provider::Cohere | Provider::Ollama => OnceLock::from(None),
            },
            dimensions: options.dimensions,
            plain: AtomicBool::new(options.provider != Provider::OpenAi),
            natural: AtomicBool::new(false),
        }
    }
}

/// "What is the vector of each text?"
struct Embedding<'a> {
    wants: &'a Wants,
    purpose: Purpose,
    /// What a vector must have.
    dimensions: Option<usize>,
}

/// Optional fields of a request for vectors.
struct Form {
    /// The server is a Semantik model service.
    is_ours: bool,
    base64: bool,
    dimensions: Option<usize>,
}

impl Question for Embedding<'_> {
    type Answer = Vec<f32>;
    type Form = Form;

    fn purpose(&self) -> Purpose {
        self.purpose
    }

    fn form(&self) -> Form {
        let natural = self.wants.natural.load(Ordering::Relaxed);
        let dimensions = self.wants.dimensions.filter(|_| !natural);
        let is_ours = matches!(self.wants.made.get(), Some(Some(_)));
        Form { is_ours, base64: !self.wants.plain.load(Ordering::Relaxed), dimensions }
    }

    fn request(&self, texts: &[&str], form: &Form) -> Request {
        let prefix = match self.purpose {
            _ if form.is_ours => "",
            Purpose::Query => &self.wants.prefixes.query,
            Purpose::Passage => &self.wants.prefixes.passage,
        };
        let written: Vec<String> = match prefix {
            "" => Vec::new(),
            prefix => texts.iter().map(|text| format!("{prefix}{text}")).collect(),
        };
        let written: Vec<&str> = written.iter().map(String::as_str).collect();
        let ask = EmbedAsk {
            model: &self.wants.model,
            texts: if prefix.is_empty() { texts } else { &written },
            purpose: self.purpose,
            truncation: self.wants.truncation,
            dimensions: form.dimensions,
            base64: form.base64,
            is_ours: form.is_ours,
        };
        wire::embed(self.wants.provider, &ask)
    }

    fn relax(&self, form: &Form, refusal: &Complaint) -> bool {
        let base64 = form.base64 && refusal.says(&["encoding_format", "base64"]);
        let dimensions = form.dimensions.is_some() && refusal.says(&["dimension", "matryoshka"]);
        if base64 {
            self.wants.plain.store(true, Ordering::Relaxed);
        }
        if dimensions {
            self.wants.natural.store(true, Ordering::Relaxed);
        }
        base64 || dimensions
    }

    fn heard(&self, made: Option<&Fingerprint>, form: &Form) -> Result<bool, String> {
        let known = self.wants.made.get_or_init(|| made.cloned()).as_ref();
        match (known, made) {
            (known, made) if known == made => Ok(form.is_ours == known.is_some()),
            (_, Some(made)) => Err(format!("it now runs {}", made.describe(&self.wants.model))),
            (_, None) => Err("it no longer says what it runs".to_owned()),
        }
    }

    fn most_bytes(&self, texts: &[&str]) -> usize {
        let numbers = texts.len().saturating_mul(self.dimensions.unwrap_or(MOST_DIMENSIONS));
        // Cohere sends the texts back.
        let echoes: usize = texts.iter().map(|text| text.len().saturating_mul(6)).sum();
        numbers.saturating_mul(NUMBER_BYTES).saturating_add(echoes).saturating_add(FRAME_BYTES)
    }

    fn reader(&self, count: usize) -> Reader<Vec<f32>> {
        let (provider, dimensions) = (self.wants.provider, self.dimensions);
        Box::new(move |body| vectors::check(wire::vectors(provider, body, count)?, count, dimensions))
    }
}
