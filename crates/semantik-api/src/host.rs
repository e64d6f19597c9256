//! Keeps other web sites out of a server that trusts its machine.
//!
//! - A server on a loopback address answers only to its own names, so that a foreign name that was
//!   pointed at 127.0.0.1 (DNS rebinding) reads nothing.
//! - A request that changes something and names another site as its origin is refused.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Method, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use semantik_core::ErrorCode;

use crate::error::Problem;

/// Refuses foreign hosts and foreign origins.
pub(crate) async fn check(State(bind): State<SocketAddr>, request: Request, next: Next) -> Response {
    match refusal(bind, request.method(), request.uri(), request.headers()) {
        Some(problem) => problem.into_response(),
        None => next.run(request).await,
    }
}

fn refusal(bind: SocketAddr, method: &Method, uri: &Uri, headers: &HeaderMap) -> Option<Problem> {
    // HTTP/2 carries the host in the URI; HTTP/1.1 in the header.
    let authority = match headers.get(header::HOST) {
        Some(value) => value.to_str().ok().and_then(|text| text.parse::<Authority>().ok()),
        None => uri.authority().cloned(),
    };
    if bind.ip().is_loopback() && !authority.as_ref().is_some_and(|a| is_local(a.host(), bind.ip())) {
        return Some(
            Problem::new(ErrorCode::Forbidden, "this server answers only to the names of its own machine")
                .hint(format!("open http://{bind}, or set BIND_ADDRESS to serve other names")),
        );
    }
    let changes = !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
    let origin = headers.get(header::ORIGIN).filter(|_| changes)?;
    let same = authority.is_some_and(|authority| {
        let origin = origin.to_str().ok().and_then(|text| text.parse::<Uri>().ok());
        origin.and_then(|uri| uri.authority().cloned()) == Some(authority)
    });
    (!same).then(|| Problem::new(ErrorCode::Forbidden, "another site may not change anything here"))
}

fn is_local(host: &str, bind: IpAddr) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback() || ip == bind)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(bind: &str, method: Method, pairs: &[(header::HeaderName, &str)]) -> bool {
        let headers =
            pairs.iter().map(|(name, value)| (name.clone(), value.parse().expect("a header value"))).collect();
        refusal(bind.parse().expect("an address"), &method, &Uri::from_static("/"), &headers).is_some()
    }

    #[test]
    fn a_loopback_server_answers_only_to_local_names() {
        for (host, bad) in [
            ("localhost:8080", false),
            ("LOCALHOST", false),
            ("127.0.0.1:1", false),
            ("[::1]:8080", false),
            ("evil.example:8080", true),
            ("127.0.0.1.evil.example", true),
            ("192.168.1.4:8080", true),
            ("", true),
        ] {
            assert_eq!(refused("127.0.0.1:8080", Method::GET, &[(header::HOST, host)]), bad, "{host}");
        }
        assert!(refused("127.0.0.1:8080", Method::GET, &[]));
        assert!(!refused("0.0.0.0:8080", Method::GET, &[(header::HOST, "search.example")]));
    }

    #[test]
    fn another_site_cannot_change_anything() {
        for (origin, bad) in [
            ("http://localhost:8080", false),
            ("http://evil.example", true),
            ("http://localhost:9999", true),
            ("null", true),
        ] {
            let headers = [(header::HOST, "localhost:8080"), (header::ORIGIN, origin)];
            assert_eq!(refused("127.0.0.1:8080", Method::POST, &headers), bad, "{origin}");
            assert!(!refused("127.0.0.1:8080", Method::GET, &headers), "{origin}");
        }
    }
}
