//! One file over HTTP into a partial file beside its target, continued where an earlier attempt
//! stopped.

use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::header::{HeaderMap, LOCATION, RANGE};
use reqwest::{Client, Response, StatusCode, Url, redirect};
use tokio::fs;
use tokio::io::AsyncWriteExt;

use crate::http::{chain, client};

/// Longest silence in the middle of a file.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
const MOST_REDIRECTS: usize = 10;

/// Asks for files. Redirects are followed here, since the hub names the hash of a large file in the
/// answer that points elsewhere for its contents.
pub(crate) struct Fetcher {
    client: Client,
}

/// What was written, to be compared and renamed.
pub(crate) struct Fetched {
    pub part: PathBuf,
    /// What the hub says of the contents; it does so of large files.
    pub sha256: Option<String>,
    pub commit: Option<String>,
}

/// Why there is no file.
pub(crate) enum Problem {
    Status(u16),
    Transfer(String),
    Disk(std::io::Error),
}

impl From<reqwest::Error> for Problem {
    fn from(error: reqwest::Error) -> Self {
        // Without the address: where the bytes are may carry a signature.
        Self::Transfer(chain(&error.without_url()))
    }
}

impl From<std::io::Error> for Problem {
    fn from(error: std::io::Error) -> Self {
        Self::Disk(error)
    }
}

impl Fetcher {
    /// # Errors
    /// When no connection can be set up at all.
    pub fn new() -> Result<Self, String> {
        let client = client().read_timeout(READ_TIMEOUT).redirect(redirect::Policy::none()).build();
        Ok(Self { client: client.map_err(|error| chain(&error))? })
    }

    /// One file, appended to what an earlier attempt left in `<target>.part`.
    pub async fn fetch(
        &self,
        url: &str,
        target: &Path,
        report: &(dyn Fn(u64, Option<u64>) + Send + Sync),
    ) -> Result<Fetched, Problem> {
        let part = target.with_added_extension("part");
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent).await?;
        }
        let mut done = fs::metadata(&part).await.map_or(0, |meta| meta.len());
        let mut fetched = Fetched { part, sha256: None, commit: None };
        let mut response = self.send(url, done, &mut fetched).await?;
        match response.status() {
            StatusCode::PARTIAL_CONTENT => {}
            // What is there is already whole, or not a beginning of this file: the hash tells.
            StatusCode::RANGE_NOT_SATISFIABLE if done > 0 => return Ok(fetched),
            status if status.is_success() => done = 0,
            status => return Err(Problem::Status(status.as_u16())),
        }
        let total = response.content_length().map(|rest| done + rest);
        let mut options = fs::OpenOptions::new();
        let mut file =
            options.create(true).write(true).append(done > 0).truncate(done == 0).open(&fetched.part).await?;
        while let Some(bytes) = response.chunk().await? {
            file.write_all(&bytes).await?;
            done += bytes.len() as u64;
            report(done, total);
        }
        file.sync_all().await?;
        Ok(fetched)
    }

    async fn send(&self, url: &str, from: u64, fetched: &mut Fetched) -> Result<Response, Problem> {
        let wrong = |why: String| Problem::Transfer(why);
        let mut url = Url::parse(url).map_err(|error| wrong(format!("{url}: {error}")))?;
        for _ in 0..MOST_REDIRECTS {
            let mut request = self.client.get(url.clone());
            if from > 0 {
                request = request.header(RANGE, format!("bytes={from}-"));
            }
            let response = request.send().await?;
            fetched.note(response.headers());
            if !response.status().is_redirection() {
                return Ok(response);
            }
            let place = header(response.headers(), LOCATION.as_str()).and_then(|place| url.join(&place).ok());
            let next = place.ok_or_else(|| wrong("the hub points nowhere".into()))?;
            if url.scheme() == "https" && next.scheme() != "https" {
                let host = next.host_str().unwrap_or_default();
                return Err(wrong(format!("the hub points to {host} without encryption")));
            }
            url = next;
        }
        Err(wrong(format!("more than {MOST_REDIRECTS} redirects")))
    }
}

impl Fetched {
    /// The first answer that names a fact is the hub's own; later ones are of whoever has the bytes.
    fn note(&mut self, headers: &HeaderMap) {
        let hex = |text: &String, length: usize| text.len() == length && text.bytes().all(|b| b.is_ascii_hexdigit());
        let hash = header(headers, "x-linked-etag").map(|tag| tag.trim_start_matches("W/").trim_matches('"').into());
        self.sha256 = self.sha256.take().or(hash.filter(|hash| hex(hash, 64)).map(|hash| hash.to_lowercase()));
        self.commit = self.commit.take().or(header(headers, "x-repo-commit").filter(|commit| hex(commit, 40)));
    }
}

fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}
