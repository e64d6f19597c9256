//! Errors in the shapes that clients of other servers read.

use axum::Json;
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use semantik_core::{ErrorClass, ErrorCode};
use serde::Serialize;

use crate::error::Problem;
use crate::observe::problem_of;

/// Below this, errors have OpenAI's shape.
const OPENAI: &str = "/v1/";

#[derive(Serialize)]
struct OpenAiError {
    error: OpenAiDetail,
}

#[derive(Serialize)]
struct OpenAiDetail {
    message: String,
    #[serde(rename = "type")]
    kind: &'static str,
    param: Option<&'static str>,
    code: &'static str,
}

#[derive(Serialize)]
struct TeiError {
    error: String,
    error_type: &'static str,
}

/// A problem for a client of text-embeddings-inference.
pub(super) struct Tei(pub Problem);

/// Writes the problems of OpenAI's addresses in OpenAI's shape.
pub(super) async fn speak(request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let (openai, embeddings) = (path.starts_with(OPENAI), path == "/v1/embeddings");
    let mut response = next.run(request).await;
    if !openai {
        return response;
    }
    let Some(problem) = problem_of(&mut response) else { return response };
    let status = problem.status();
    let (code, param) = match problem.code() {
        // Nothing else can be missing there.
        ErrorCode::NotFound if embeddings => ("model_not_found", Some("model")),
        ErrorCode::Unauthenticated => ("invalid_api_key", None),
        other => (other.name(), None),
    };
    let kind = if status.is_server_error() { "server_error" } else { "invalid_request_error" };
    let error = OpenAiDetail { message: problem.sentence(), kind, param, code };
    let (parts, body) = Json(OpenAiError { error }).into_response().into_parts();
    // Other headers (what to authenticate with, when to come back) stay.
    response.headers_mut().remove(header::CONTENT_LENGTH);
    response.headers_mut().extend(parts.headers);
    *response.body_mut() = body;
    response
}

impl From<Problem> for Tei {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl IntoResponse for Tei {
    fn into_response(self) -> Response {
        let (status, error_type) = match self.0.code().class() {
            ErrorClass::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "Validation"),
            ErrorClass::Overloaded => (StatusCode::TOO_MANY_REQUESTS, "Overloaded"),
            ErrorClass::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "Unhealthy"),
            ErrorClass::Internal => (StatusCode::FAILED_DEPENDENCY, "Backend"),
            ErrorClass::Invalid => (StatusCode::UNPROCESSABLE_ENTITY, "Validation"),
            ErrorClass::Unauthenticated
            | ErrorClass::Forbidden
            | ErrorClass::NotFound
            | ErrorClass::Conflict
            | ErrorClass::Unsupported => (self.0.status(), "Validation"),
        };
        let body = TeiError { error: self.0.sentence(), error_type };
        with_retry(&self.0, (status, Json(body)).into_response())
    }
}

/// The refusal of an empty list.
pub(super) fn tei_empty(field: &str) -> Response {
    let body = TeiError { error: format!("`{field}` cannot be empty"), error_type: "Empty" };
    (StatusCode::BAD_REQUEST, Json(body)).into_response()
}

fn with_retry(problem: &Problem, mut response: Response) -> Response {
    if let Some(seconds) = problem.retry_after() {
        response.headers_mut().insert(header::RETRY_AFTER, seconds);
    }
    response
}
