//! Downloads from the Hugging Face hub, resumable.

use std::path::Path;
use std::time::Duration;

use reqwest::{Client, StatusCode, header};
use tokio::fs;
use tokio::io::AsyncWriteExt;

use crate::InferenceError;
use crate::http::{chain, client};
use crate::models::cache::{ModelCache, NEEDED, wanted};
use crate::models::{PullEvent, catalogue};

/// The hub that is asked when no other is set.
pub const HUB: &str = "https://huggingface.co";

/// Longest silence in the middle of a file.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// Why a download ended: another way may help, or not.
pub(crate) enum Failure {
    Unreachable(String),
    Model(InferenceError),
}

/// Fetches every file of `name` into the staging folder; files already there are kept.
pub(crate) async fn download(
    cache: &ModelCache,
    name: &str,
    revision: &str,
    endpoint: &str,
    progress: &(dyn Fn(PullEvent) + Send + Sync),
) -> Result<(), Failure> {
    let staging = cache.staging(name).map_err(Failure::Model)?;
    let client = client().read_timeout(READ_TIMEOUT).build().map_err(|error| Failure::Unreachable(chain(&error)))?;
    for file in wanted(name) {
        let target = staging.join(file);
        if target.is_file() {
            continue;
        }
        let url = format!("{endpoint}/{name}/resolve/{revision}/{file}");
        let report = |done, total| progress(PullEvent::Downloading { file: file.into(), done, total });
        let needed = catalogue::find(name).is_some() || NEEDED.contains(&file);
        match fetch(&client, &url, &target, &report).await {
            Ok(()) => {}
            Err(Problem::Status(StatusCode::NOT_FOUND)) if !needed => {}
            Err(Problem::Status(status)) if !status.is_server_error() && catalogue::find(name).is_none() => {
                let why = format!(
                    "{url} answers {status}; check the name, and whether the model is public and has {}",
                    NEEDED.join(", ")
                );
                return Err(Failure::Model(InferenceError::Download { name: name.into(), why }));
            }
            Err(Problem::Status(status)) => return Err(Failure::Unreachable(format!("{file} answers {status}"))),
            Err(Problem::Transfer(why)) => return Err(Failure::Unreachable(why)),
            Err(Problem::Disk(error)) => return Err(Failure::Model(cache.broken(&error))),
        }
    }
    Ok(())
}

enum Problem {
    Status(StatusCode),
    Transfer(String),
    Disk(std::io::Error),
}

impl From<reqwest::Error> for Problem {
    fn from(error: reqwest::Error) -> Self {
        Self::Transfer(chain(&error))
    }
}

impl From<std::io::Error> for Problem {
    fn from(error: std::io::Error) -> Self {
        Self::Disk(error)
    }
}

/// One file, appended to what an earlier attempt left in `<target>.part`.
async fn fetch(
    client: &Client,
    url: &str,
    target: &Path,
    report: &(dyn Fn(u64, Option<u64>) + Send + Sync),
) -> Result<(), Problem> {
    let part = target.with_added_extension("part");
    if let Some(parent) = target.parent() {
        fs::create_dir_all(parent).await?;
    }
    let mut done = fs::metadata(&part).await.map_or(0, |meta| meta.len());
    let mut request = client.get(url);
    if done > 0 {
        request = request.header(header::RANGE, format!("bytes={done}-"));
    }
    let mut response = request.send().await?;
    match response.status() {
        StatusCode::PARTIAL_CONTENT => {}
        StatusCode::RANGE_NOT_SATISFIABLE => {
            // What is there is already whole, or not a beginning of this file: the hash tells.
            return Ok(fs::rename(&part, target).await?);
        }
        status if status.is_success() => done = 0,
        status => return Err(Problem::Status(status)),
    }
    let total = response.content_length().map(|rest| done + rest);
    let mut file =
        fs::OpenOptions::new().create(true).write(true).append(done > 0).truncate(done == 0).open(&part).await?;
    while let Some(bytes) = response.chunk().await? {
        file.write_all(&bytes).await?;
        done += bytes.len() as u64;
        report(done, total);
    }
    file.sync_all().await?;
    Ok(fs::rename(&part, target).await?)
}
