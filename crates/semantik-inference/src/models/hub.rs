//! Downloads from the Hugging Face hub, resumable, each file compared with the hash the hub names.

use std::path::{Path, PathBuf};

use crate::InferenceError;
use crate::local::{SHARDS, Shape, WEIGHTS, weight_files};
use crate::models::cache::{ModelCache, NEEDED, OPTIONAL};
use crate::models::fetch::{Fetched, Fetcher, Problem};
use crate::models::{PullEvent, catalogue};

/// The hub that is asked when no other is set.
pub const HUB: &str = "https://huggingface.co";

/// Why a download ended: another way may help, or not.
pub(crate) enum Failure {
    Unreachable(String),
    Model(InferenceError),
}

impl From<InferenceError> for Failure {
    fn from(error: InferenceError) -> Self {
        Self::Model(error)
    }
}

/// Fetches every file of `name` into the staging folder and returns the commit they are of; files
/// already there are kept.
pub(crate) async fn download(
    cache: &ModelCache,
    name: &str,
    revision: &str,
    endpoint: &str,
    progress: &(dyn Fn(PullEvent) + Send + Sync),
) -> Result<String, Failure> {
    let fetcher = Fetcher::new().map_err(Failure::Unreachable)?;
    let (staging, pinned) = (cache.staging(name)?, catalogue::pinned(name));
    let base = format!("{endpoint}/{name}");
    let mut model = Download {
        cache,
        name,
        pinned: !pinned.is_empty(),
        base,
        revision: revision.into(),
        staging,
        fetcher,
        progress,
    };
    if model.pinned {
        for file in pinned {
            model.need(file.path).await?;
        }
        return Ok(model.revision);
    }
    for file in NEEDED {
        model.need(file).await?;
    }
    // Said before the weights come, which may be gigabytes.
    Shape::check_family(&model.staging)?;
    if !model.file(WEIGHTS).await? && !model.file(SHARDS).await? {
        let why = format!("it has no {WEIGHTS} and no {SHARDS}; weights in other formats are not read");
        return Err(InferenceError::Download { name: name.into(), why }.into());
    }
    for file in weight_files(&model.staging)? {
        model.need(&file).await?;
    }
    for file in OPTIONAL {
        model.file(file).await?;
    }
    Ok(model.revision)
}

struct Download<'a> {
    cache: &'a ModelCache,
    name: &'a str,
    pinned: bool,
    base: String,
    /// The commit, as soon as an answer has named it, so that all files are of the same one.
    revision: String,
    staging: PathBuf,
    fetcher: Fetcher,
    progress: &'a (dyn Fn(PullEvent) + Send + Sync),
}

impl Download<'_> {
    /// A file without which the model is none.
    async fn need(&mut self, file: &str) -> Result<(), Failure> {
        if self.file(file).await? {
            return Ok(());
        }
        let url = self.url(file);
        if self.pinned {
            return Err(Failure::Unreachable(format!("{file} answers 404 Not Found")));
        }
        let why = format!("{url} answers 404 Not Found; check the name, and whether the model is public");
        Err(InferenceError::Download { name: self.name.into(), why }.into())
    }

    /// Whether the hub has the file, which is then in the staging folder.
    async fn file(&mut self, file: &str) -> Result<bool, Failure> {
        let target = self.staging.join(file);
        if target.is_file() {
            return Ok(true);
        }
        let url = self.url(file);
        let progress = self.progress;
        let report = |done, total| progress(PullEvent::Downloading { file: file.into(), done, total });
        match self.fetcher.fetch(&url, &target, &report).await {
            Ok(fetched) => self.compare(file, &target, fetched).await.map(|()| true),
            Err(Problem::Status(404)) => Ok(false),
            Err(Problem::Status(status)) if status < 500 && !self.pinned => {
                let why = format!("{url} answers {status}; check the name, and whether the model is public");
                Err(InferenceError::Download { name: self.name.into(), why }.into())
            }
            Err(Problem::Status(status)) => Err(Failure::Unreachable(format!("{file} answers {status}"))),
            Err(Problem::Transfer(why)) => Err(Failure::Unreachable(why)),
            Err(Problem::Disk(error)) => Err(self.cache.broken(&error).into()),
        }
    }

    /// Compares what was written with what the hub says it is, and puts it in place.
    async fn compare(&mut self, file: &str, target: &Path, fetched: Fetched) -> Result<(), Failure> {
        if let Some(commit) = fetched.commit {
            self.revision = commit;
        }
        let (part, target) = (fetched.part, target.to_owned());
        let disk = |error: std::io::Error| Failure::Model(self.cache.broken(&error));
        if let Some(expected) = fetched.sha256 {
            let path = part.clone();
            let hash = tokio::task::spawn_blocking(move || crate::models::sha256_of(&path)).await;
            let found = hash.map_err(|error| Failure::Unreachable(error.to_string()))?.map_err(disk)?;
            if found != expected {
                // So that the next attempt begins anew; failing to delete only repeats this.
                drop(tokio::fs::remove_file(&part).await);
                let (name, file) = (self.name.to_owned(), file.to_owned());
                return Err(InferenceError::HashMismatch { name, file, expected, found }.into());
            }
        }
        tokio::fs::rename(&part, &target).await.map_err(disk)
    }

    fn url(&self, file: &str) -> String {
        format!("{}/resolve/{}/{file}", self.base, self.revision)
    }
}
