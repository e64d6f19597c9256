//! Where an API begins: a URL without secrets, and the host that errors may name.

use reqwest::Url;
use semantik_core::Provider;

use crate::{InferenceError, ModelKind};

/// The checked base of every URL that is asked.
#[derive(Debug, Clone)]
pub(crate) struct Address {
    base: Url,
    host: String,
}

impl Address {
    /// Reads `text`, or takes the provider's own address.
    ///
    /// # Errors
    /// [`InferenceError::Settings`]; it never repeats the text, which may hold a secret.
    pub fn read(kind: ModelKind, provider: Provider, text: Option<&str>) -> Result<Self, InferenceError> {
        let fail = |why: &str| InferenceError::Settings(format!("{}_API_URL {why}", kind.settings()));
        let Some(text) = text.or(own(provider)) else {
            return Err(fail("is needed: the address of the text-embeddings-inference server"));
        };
        let mut base = Url::parse(text).map_err(|_| fail("is not a URL such as https://example.com/v1"))?;
        if !["http", "https"].contains(&base.scheme()) {
            return Err(fail("begins with neither http:// nor https://"));
        }
        if !base.username().is_empty() || base.password().is_some() {
            return Err(fail("holds a user name or password; leave it out and set the API key by itself"));
        }
        if base.query().is_some() || base.fragment().is_some() {
            return Err(fail("holds a `?` or `#` part; leave it out, and set the API key by itself if it was one"));
        }
        let Some(name) = base.host_str() else { return Err(fail("names no host")) };
        let host = base.port().map_or_else(|| name.to_owned(), |port| format!("{name}:{port}"));
        // The version is part of the paths of these two.
        let path = base.path().trim_end_matches('/');
        let path = match provider {
            Provider::Cohere => path.trim_end_matches("/v2"),
            Provider::Ollama => path.trim_end_matches("/api"),
            Provider::OpenAi | Provider::Tei => path,
        };
        let path = path.to_owned();
        base.set_path(&path);
        Ok(Self { base, host })
    }

    /// The URL of a path that begins with `/`.
    pub fn join(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("{}{path}", self.base.path().trim_end_matches('/')));
        url
    }

    /// Host, and port where it is not the usual one.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The base as one text, the same for every way of writing it.
    pub fn as_str(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// Whether a key would cross a network in the clear.
    pub fn is_open(&self) -> bool {
        let name = self.base.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        let loopback =
            name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
        self.base.scheme() == "http" && !loopback
    }
}

/// Where a provider answers when nothing else is set.
fn own(provider: Provider) -> Option<&'static str> {
    match provider {
        Provider::OpenAi => Some("https://api.openai.com/v1"),
        Provider::Cohere => Some("https://api.cohere.com"),
        Provider::Ollama => Some("http://127.0.0.1:11434"),
        Provider::Tei => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Address, ModelKind, Provider};

    fn read(text: &str) -> Result<Address, String> {
        Address::read(ModelKind::Embedding, Provider::OpenAi, Some(text)).map_err(|error| error.to_string())
    }

    #[test]
    fn a_url_with_a_secret_is_refused_and_not_repeated() {
        for text in [
            "https://user:hunter2@example.com/v1",
            "https://hunter2@example.com",
            "https://example.com/v1?api_key=hunter2",
            "https://example.com/#hunter2",
            "ftp://example.com/hunter2",
            "hunter2",
        ] {
            let error = read(text).expect_err(text);
            assert!(!error.contains("hunter2") && error.contains("EMBEDDING_API_URL"), "{error}");
        }
    }

    #[test]
    fn paths_are_added_to_the_base_however_it_is_written() {
        for text in ["http://Gpu:8000/v1", "http://gpu:8000/v1/"] {
            let address = read(text).expect("a good address");
            assert_eq!(address.join("/embeddings").as_str(), "http://gpu:8000/v1/embeddings");
            assert_eq!((address.host(), address.as_str()), ("gpu:8000", "http://gpu:8000/v1"));
        }
        assert_eq!(read("https://example.com").expect("good").join("/rerank").as_str(), "https://example.com/rerank");
        let cohere =
            Address::read(ModelKind::Embedding, Provider::Cohere, Some("https://api.cohere.com/v2/")).expect("good");
        assert_eq!(cohere.join("/v2/embed").as_str(), "https://api.cohere.com/v2/embed");
    }

    #[test]
    fn only_http_beyond_this_machine_is_open() {
        let open = |text| read(text).expect("good").is_open();
        assert!(open("http://example.com") && open("http://10.0.0.1:80"));
        assert!(!open("https://example.com") && !open("http://localhost:1") && !open("http://[::1]:1"));
    }
}
