//! Who asks: the only maker of a [`Caller`].
//!
//! A single-user installation has one caller, the local owner; `host.rs` keeps other sites out.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use semantik_app::Caller;

/// The authenticated caller of a request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Auth(pub Caller);

impl<S: Send + Sync> FromRequestParts<S> for Auth {
    type Rejection = Infallible;

    async fn from_request_parts(_parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(Caller::local_owner()))
    }
}
