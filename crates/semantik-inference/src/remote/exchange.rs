//! One request and its answer over HTTP: the key in one header, a limit on every answer, no redirects.

use std::sync::Once;
use std::time::SystemTime;

use bytes::Bytes;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, StatusCode, Url};
use semantik_core::{Fingerprint, fingerprint};

use crate::InferenceError;
use crate::http::{chain, client};
use crate::remote::RemoteOptions;
use crate::remote::address::Address;
use crate::remote::hints::Hints;

/// One warning is enough; connections are made again and again.
static OPEN_KEY: Once = Once::new();

/// More of an error's text is not read.
const COMPLAINT_BYTES: usize = 64 * 1024;

/// The way to one provider; its connections are kept and shared by clones.
#[derive(Clone)]
pub(crate) struct Exchange {
    client: Client,
    address: Address,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub status: StatusCode,
    pub hints: Hints,
    /// The host a redirect points to.
    pub moved: Option<String>,
    /// What a Semantik model service says made the vectors.
    pub made: Option<Fingerprint>,
    pub body: Vec<u8>,
}

/// Why nothing came back.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The connection or the time; it may work the next time.
    Broken(String),
    /// More than an answer of this kind can hold.
    TooLarge { most: usize },
}

impl Exchange {
    /// Prepares the client; nothing is sent.
    ///
    /// # Errors
    /// [`InferenceError::Settings`] when the key cannot stand in a header.
    pub fn new(options: &RemoteOptions, address: Address) -> Result<Self, InferenceError> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(key) = &options.api_key {
            let mut value = HeaderValue::from_str(&format!("Bearer {}", key.expose())).map_err(|_| {
                let name = options.kind.settings();
                InferenceError::Settings(format!("{name}_API_KEY has characters no key has, such as a line break"))
            })?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
            if address.is_open() {
                OPEN_KEY.call_once(|| {
                    tracing::warn!(host = address.host(), "the API key crosses the network in the clear; use https");
                });
            }
        }
        let client = client()
            .connect_timeout(options.connect_timeout)
            .timeout(options.timeout)
            .default_headers(headers)
            .redirect(Policy::none())
            .build()
            .map_err(|error| InferenceError::Settings(chain(&error)))?;
        Ok(Self { client, address })
    }

    /// The host, for errors.
    pub fn host(&self) -> &str {
        self.address.host()
    }

    /// Asks for a path.
    ///
    /// # Errors
    /// [`Fault`]; an answer that says no is an answer.
    pub async fn get(&self, path: &str, most: usize) -> Result<Answer, Fault> {
        self.send(Method::GET, path, Bytes::new(), most).await
    }

    /// Sends JSON to a path and reads at most `most` bytes of the answer.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn post(&self, path: &str, body: Bytes, most: usize) -> Result<Answer, Fault> {
        self.send(Method::POST, path, body, most).await
    }

    async fn send(&self, method: Method, path: &str, body: Bytes, most: usize) -> Result<Answer, Fault> {
        let url = self.address.join(path);
        let request = self.client.request(method, url.clone()).body(body);
        let mut response = request.send().await.map_err(broken)?;
        let status = response.status();
        let hints = Hints::read(response.headers(), SystemTime::now());
        let moved = status.is_redirection().then(|| target(&url, response.headers())).flatten();
        let made = response.headers().get(fingerprint::HEADER).and_then(|said| said.to_str().ok()?.parse().ok());
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(broken)? {
            bytes.extend_from_slice(&chunk);
            if !status.is_success() && bytes.len() > COMPLAINT_BYTES {
                bytes.truncate(COMPLAINT_BYTES);
                break;
            }
            if bytes.len() > most {
                return Err(Fault::TooLarge { most });
            }
        }
        Ok(Answer { status, hints, moved, made, body: bytes })
    }
}

/// The URL stays out: its path is nobody's business.
fn broken(error: reqwest::Error) -> Fault {
    Fault::Broken(if error.is_timeout() && !error.is_connect() {
        "it took too long".to_owned()
    } else {
        chain(&error.without_url())
    })
}

fn target(url: &Url, headers: &HeaderMap) -> Option<String> {
    let location = url.join(headers.get(LOCATION)?.to_str().ok()?).ok()?;
    Some(format!("{}://{}", location.scheme(), location.host_str()?))
}
