//! Bodies: how large one may be, how much memory all may take, and how one is read.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request, State};
use axum::http::{Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use semantik_core::ErrorCode;
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;

use crate::error::Problem;

/// Largest body.
pub(super) const BODY_BYTES: usize = 32 * 1024 * 1024;
/// All bodies that are being answered, KiB.
const HELD_KIB: u32 = 256 * 1024;
/// What an answered request holds at least, KiB.
const LEAST_KIB: u64 = 64;

/// What is left of the memory for bodies. Cheap to clone.
#[derive(Clone)]
pub(super) struct Budget(Arc<Semaphore>);

impl Budget {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(HELD_KIB as usize)))
    }
}

/// Holds a share of the budget while a request is answered; refuses it when none is left.
pub(super) async fn hold(State(Budget(budget)): State<Budget>, request: Request, next: Next) -> Response {
    if request.method() == Method::GET {
        return next.run(request).await;
    }
    let length = request.headers().get(header::CONTENT_LENGTH);
    let bytes = length.and_then(|value| value.to_str().ok()?.parse::<u64>().ok()).unwrap_or(BODY_BYTES as u64);
    // A longer one is refused when it is read.
    let share = (bytes / 1024).clamp(LEAST_KIB, BODY_BYTES as u64 / 1024);
    let share = u32::try_from(share).unwrap_or(HELD_KIB);
    match budget.try_acquire_many(share) {
        Ok(_held) => next.run(request).await,
        Err(_) => Problem::new(ErrorCode::Overloaded, "too many requests are being answered")
            .hint("try again in a few seconds")
            .into_response(),
    }
}

/// A body that was read to its end.
pub(super) struct Raw(pub Bytes);

impl<S: Send + Sync> FromRequest<S> for Raw {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        match Bytes::from_request(request, state).await {
            Ok(bytes) => Ok(Self(bytes)),
            Err(rejection) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => {
                let detail = format!("the body has more than {} MB", BODY_BYTES / 1024 / 1024);
                Err(Problem::new(ErrorCode::RequestTooLarge, detail).hint("send it in several requests"))
            }
            Err(rejection) => Err(Problem::invalid(rejection.body_text())),
        }
    }
}

impl Raw {
    /// The body as JSON.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        serde_json::from_slice(&self.0).map_err(|error| {
            let problem = Problem::invalid(format!("the body is not what this address takes: {error}"));
            problem.hint("docs/vecpipe.md shows what each address takes")
        })
    }
}

/// A JSON body.
pub(super) struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        Raw::from_request(request, state).await?.json().map(Self)
    }
}
