//! Errors as RFC 9457 problems: one shape for use cases, bad requests, missing routes and panics.
//!
//! A [`Problem`] travels in the response's extensions; `observe.rs` writes its body, because only
//! there the request id is known.

use std::any::Any;

use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use semantik_app::AppError;
use semantik_core::{ErrorClass, ErrorCode};
use serde::Serialize;
use utoipa::ToSchema;

/// Seconds a client should wait when the server is busy.
const RETRY_AFTER_S: u64 = 5;

/// What went wrong, before it is written down.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    status: StatusCode,
    code: ErrorCode,
    detail: String,
    hint: Option<String>,
    retry_after_s: Option<u64>,
}

/// What went wrong, for programs and for people (RFC 9457).
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = HttpProblem)]
pub(crate) struct ProblemView {
    /// Address of the page about this kind of problem.
    #[serde(rename = "type")]
    kind: String,
    title: String,
    status: u16,
    /// Stable name of the problem.
    code: &'static str,
    /// This occurrence, in a sentence.
    detail: String,
    /// What to do next.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    /// Whether the same request may succeed later.
    retryable: bool,
    /// Finds the request in the log.
    request_id: String,
}

impl Problem {
    pub(crate) fn new(code: ErrorCode, detail: impl Into<String>) -> Self {
        Self { status: status(code.class()), code, detail: detail.into(), hint: None, retry_after_s: None }
    }

    /// As the client of request `request_id` reads it.
    pub(crate) fn view(self, request_id: &str) -> ProblemView {
        ProblemView {
            kind: format!("/docs/errors/{}", self.code),
            title: self.code.name().replace('_', " "),
            status: self.status.as_u16(),
            code: self.code.name(),
            detail: self.detail,
            hint: self.hint,
            retryable: self.code.retryable(),
            request_id: request_id.to_owned(),
        }
    }

    pub(crate) fn invalid(detail: impl Into<String>) -> Self {
        Self::new(ErrorCode::InvalidRequest, detail)
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn code(&self) -> ErrorCode {
        self.code
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    /// What happened and what to do next, in one line.
    pub(crate) fn sentence(&self) -> String {
        match &self.hint {
            Some(hint) => format!("{}: {hint}", self.detail),
            None => self.detail.clone(),
        }
    }

    /// Seconds the client should wait; `None` where waiting does not help.
    pub(crate) fn retry_after(&self) -> Option<HeaderValue> {
        let busy = self.status == StatusCode::SERVICE_UNAVAILABLE;
        self.retry_after_s.or(busy.then_some(RETRY_AFTER_S)).map(HeaderValue::from)
    }

    /// The problem behind a bare error status made below the handlers.
    pub(crate) fn of_status(status: StatusCode) -> Self {
        let (code, detail) = match status {
            StatusCode::NOT_FOUND => (ErrorCode::NotFound, "there is nothing at this address"),
            StatusCode::METHOD_NOT_ALLOWED => {
                (ErrorCode::InvalidRequest, "this address does not answer to this method")
            }
            StatusCode::PAYLOAD_TOO_LARGE => (ErrorCode::RequestTooLarge, "the body is too large"),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => (ErrorCode::UnsupportedFormat, "the body has an unexpected type"),
            StatusCode::SERVICE_UNAVAILABLE => (ErrorCode::Overloaded, "the request took too long"),
            other if other.is_client_error() => (ErrorCode::InvalidRequest, "the request cannot be answered as it is"),
            _ => (ErrorCode::Internal, "something went wrong inside Semantik"),
        };
        Self { status, ..Self::new(code, detail) }
    }

    fn of_rejection(status: StatusCode, detail: String) -> Self {
        match status {
            StatusCode::PAYLOAD_TOO_LARGE => Self::new(ErrorCode::RequestTooLarge, "the body is larger than 1 MB"),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => {
                Self::new(ErrorCode::UnsupportedFormat, detail).hint("send `Content-Type: application/json`")
            }
            _ => Self::invalid(detail).hint("see /api/v2/openapi.json for what this address accepts"),
        }
    }
}

/// The status of a class: the only such table.
fn status(class: ErrorClass) -> StatusCode {
    match class {
        ErrorClass::Invalid => StatusCode::BAD_REQUEST,
        ErrorClass::Unauthenticated => StatusCode::UNAUTHORIZED,
        ErrorClass::Forbidden => StatusCode::FORBIDDEN,
        ErrorClass::NotFound => StatusCode::NOT_FOUND,
        ErrorClass::Conflict => StatusCode::CONFLICT,
        ErrorClass::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorClass::Unsupported => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ErrorClass::Overloaded | ErrorClass::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        ErrorClass::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        if let Some(seconds) = self.retry_after() {
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        response.extensions_mut().insert(self);
        response
    }
}

impl From<AppError> for Problem {
    fn from(error: AppError) -> Self {
        let code = error.code();
        let mut problem = if code.class() == ErrorClass::Internal {
            tracing::error!(%code, %error, "request failed");
            Self::new(code, "something went wrong inside Semantik").hint("look for the request id in the log")
        } else {
            Self::new(code, error.to_string())
        };
        problem.retry_after_s = error.retry_after().map(|wait| wait.as_secs().max(1));
        match error.hint() {
            Some(hint) => problem.hint(hint),
            None => problem,
        }
    }
}

macro_rules! from_rejections {
    ($($rejection:ty),+) => {$(
        impl From<$rejection> for Problem {
            fn from(rejection: $rejection) -> Self {
                Self::of_rejection(rejection.status(), rejection.body_text())
            }
        }
    )+};
}
from_rejections!(JsonRejection, PathRejection, QueryRejection);

/// The answer where no route is.
pub(crate) async fn no_route() -> Problem {
    Problem::of_status(StatusCode::NOT_FOUND)
}

/// The answer of a handler that panicked.
pub(crate) fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no text");
    tracing::error!(panic = text, "a handler panicked");
    Problem::new(ErrorCode::Internal, "something went wrong inside Semantik")
        .hint("look for the request id in the log")
        .into_response()
}
