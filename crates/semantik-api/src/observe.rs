//! Around every request: its id, its span, its metrics, the body of its problem, safe headers.

use std::time::Instant;

use axum::body::Body;
use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument;
use uuid::Uuid;

use crate::error::Problem;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

/// Headers every response carries unless its handler knows better.
const SAFE_HEADERS: [(HeaderName, HeaderValue); 6] = [
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
        ),
    ),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
];

/// The outermost middleware. The span names the route, never the query string.
pub(crate) async fn observe(request: Request, next: Next) -> Response {
    let id = request_id(request.headers());
    let started = Instant::now();
    let method = request.method().clone();
    let matched = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let route = matched.unwrap_or_else(|| "unmatched".to_owned());
    let span = tracing::info_span!("request", request_id = %id, %method, route);
    let response = next.run(request).instrument(span.clone()).await;
    let status = response.status();
    let seconds = started.elapsed().as_secs_f64();
    crate::metrics::count_request(&route, &method, status, seconds);
    span.in_scope(|| tracing::debug!(status = status.as_u16(), seconds, "answered"));
    dress(response, &id)
}

/// The caller's id when it is sane, a new one when it is not.
fn request_id(headers: &HeaderMap) -> String {
    let sane = |text: &&str| {
        (1..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:/+=".contains(&b))
    };
    let given = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok()).filter(sane);
    given.map_or_else(|| Uuid::now_v7().to_string(), str::to_owned)
}

fn dress(mut response: Response, id: &str) -> Response {
    if let Some(problem) = problem_of(&mut response) {
        let body = serde_json::to_vec(&problem.view(id)).expect("a problem is texts and numbers");
        *response.body_mut() = Body::from(body);
        response.headers_mut().remove(header::CONTENT_LENGTH);
        response.headers_mut().insert(header::CONTENT_TYPE, PROBLEM_JSON);
    }
    for (name, value) in SAFE_HEADERS {
        response.headers_mut().entry(name).or_insert(value);
    }
    if let Ok(value) = HeaderValue::from_str(id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

/// The problem a response carries, or the one its bare status means. An error with a JSON body (a
/// health report) stays as it is.
pub(crate) fn problem_of(response: &mut Response) -> Option<Problem> {
    let status = response.status();
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        return Some(problem);
    }
    let is_error = status.is_client_error() || status.is_server_error();
    let json = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
    (is_error && !json).then(|| Problem::of_status(status))
}

/// The status of a request that took too long.
pub(crate) const TIMED_OUT: StatusCode = StatusCode::SERVICE_UNAVAILABLE;
