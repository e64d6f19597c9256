//! What every HTTP client of this crate has in common.

use std::time::Duration;

use reqwest::ClientBuilder;

/// Longest wait for a connection, unless told otherwise.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A client with our name and TLS by rustls with ring.
pub(crate) fn client() -> ClientBuilder {
    // Someone else may have installed a provider before; any will do.
    drop(rustls::crypto::ring::default_provider().install_default());
    reqwest::Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .user_agent(concat!("semantik/", env!("CARGO_PKG_VERSION")))
}

/// An error with its causes: the outermost one alone says little.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    std::iter::successors(Some(error), |error| error.source()).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
