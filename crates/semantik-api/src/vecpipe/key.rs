//! The internal key.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use semantik_core::{ErrorCode, Secret};
use subtle::ConstantTimeEq;

use crate::error::Problem;

/// What supervisors ask without a key.
const OPEN: [&str; 2] = ["/health", "/readyz"];

/// Refuses requests without the key, when there is one.
pub(super) async fn check(State(key): State<Arc<Option<Secret>>>, request: Request, next: Next) -> Response {
    match &*key {
        Some(key) if !OPEN.contains(&request.uri().path()) && !shows(request.headers(), key) => {
            let problem = Problem::new(ErrorCode::Unauthenticated, "the request does not show the internal key")
                .hint("send INTERNAL_API_KEY as `Authorization: Bearer <key>` or as `X-API-Key: <key>`");
            let mut response = problem.into_response();
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            response
        }
        _ => next.run(request).await,
    }
}

fn shows(headers: &HeaderMap, key: &Secret) -> bool {
    let bearer = headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes).and_then(|text| {
        let (scheme, token) = text.split_at_checked(7)?;
        scheme.eq_ignore_ascii_case(b"bearer ").then_some(token)
    });
    let given = bearer.or_else(|| headers.get("x-api-key").map(HeaderValue::as_bytes));
    // The time this takes tells the length at most.
    given.is_some_and(|given| given.ct_eq(key.expose().as_bytes()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_shown_as_bearer_or_in_its_own_header() {
        let key = Secret::from("0123456789abcdef".to_owned());
        for (name, value, right) in [
            ("authorization", "Bearer 0123456789abcdef", true),
            ("authorization", "bearer 0123456789abcdef", true),
            ("x-api-key", "0123456789abcdef", true),
            ("authorization", "0123456789abcdef", false),
            ("authorization", "Bearer 0123456789abcdeX", false),
            ("authorization", "Bearer ", false),
            ("authorization", "Bearer", false),
            ("x-api-key", "0123456789abcde", false),
            ("x-api-key", "", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(name, HeaderValue::from_static(value));
            assert_eq!(shows(&headers, &key), right, "{name}: {value}");
        }
        assert!(!shows(&HeaderMap::new(), &key));
    }
}
