//! What made the vectors of an answer, in a header: a client that keeps them knows what they fit to.

use std::convert::Infallible;

use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponseParts, ResponseParts};
use semantik_app::vecpipe::ModelInfo;
use semantik_core::fingerprint::HEADER;

/// The model of an answer.
pub(super) struct Made(pub ModelInfo);

impl IntoResponseParts for Made {
    type Error = Infallible;

    fn into_response_parts(self, mut parts: ResponseParts) -> Result<ResponseParts, Infallible> {
        // A fingerprint is printable; if one ever is not, the client knows less.
        if let Ok(value) = HeaderValue::try_from(self.0.fingerprint().to_string().trim_end()) {
            parts.headers_mut().insert(HeaderName::from_static(HEADER), value);
        }
        Ok(parts)
    }
}
