//! Listing a directory source and queueing what is new or changed.

use std::collections::{HashMap, HashSet};
use std::io::Read;
use std::path::Path;

use semantik_core::document::{Document, DocumentStatus};
use semantik_core::id::{DocumentId, SourceId};
use semantik_core::job::{ClaimedJob, JobQueue};
use semantik_core::source::{DirectorySource, Source, SourceConfig};
use semantik_ingest::connect::{self, Listed, Listing};
use semantik_store::{Commit, DocumentChange, DocumentFilter, NewDocument, StoreError};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::scan_plan::{Plan, compare, rename_candidates, take_renames, take_untouched};
use super::{ExtractDocument, JobKind, JobSpec, PurgeDocuments, RenamePoints};
use crate::documents::hex;
use crate::{App, AppError};

const BATCH: usize = 1000;
const PURGE_BATCH: usize = 500;
const RENAME_BATCH: usize = 50;

/// Lists a source.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ScanSource {
    pub(crate) v: u32,
    pub(crate) source: SourceId,
}

impl JobKind for ScanSource {
    const NAME: &'static str = "scan_source";
    const QUEUE: JobQueue = JobQueue::Scan;
}

impl ScanSource {
    pub(super) async fn run(self, app: &App, job: &ClaimedJob, cancel: &CancellationToken) -> Result<Commit, AppError> {
        let source = match app.store().source(self.source).await {
            Ok(source) => source,
            Err(StoreError::NotFound { .. }) => return Ok(Commit::default()),
            Err(error) => return Err(error.into()),
        };
        let mut scan = Scan { app, job, source: &source, cancel, queued: 0 };
        let SourceConfig::Directory(directory) = &source.config else {
            let (known, _) = known_documents(app, &source).await?;
            scan.queue_waiting(known.iter().filter(|document| is_waiting(document))).await?;
            return Ok(Commit { listed: Some(job.operation), ..Commit::default() });
        };
        let (listed, listing) = list(directory.clone(), cancel).await?;
        let (known, mut waiting) = known_documents(app, &source).await?;
        let mut plan = compare(listed, known);
        scan.settle_touched(&mut plan).await?;
        let complete = listing.unreadable.is_empty();
        if complete {
            scan.rename(&mut plan).await?;
        }
        // A container that is read again takes its members along.
        let changed: HashSet<&str> = plan.changed.iter().map(|(_, file)| file.uri.as_str()).collect();
        waiting.retain(|member| !changed.contains(container(&member.uri)));
        scan.queue_waiting(waiting.iter()).await?;
        scan.queue_files(plan.new, plan.changed).await?;
        if complete {
            scan.delete(plan.vanished).await?;
        }
        let trouble = (!complete)
            .then(|| format!("could not read {}; deletions wait until it can be read", listing.unreadable.join(", ")));
        Ok(Commit { scanned: Some((source.id, app.now(), trouble)), listed: Some(job.operation), ..Commit::default() })
    }
}

/// One listing being worked off.
struct Scan<'a> {
    app: &'a App,
    job: &'a ClaimedJob,
    source: &'a Source,
    cancel: &'a CancellationToken,
    queued: usize,
}

impl Scan<'_> {
    /// A touched file with the same bytes only gets its new time.
    async fn settle_touched(&mut self, plan: &mut Plan) -> Result<(), AppError> {
        let hashes = self.hashes(plan.touched.iter().map(|(_, file)| file.clone()).collect()).await?;
        for batch in take_untouched(plan, &hashes).chunks(BATCH) {
            let documents = batch
                .iter()
                .map(|(document, file)| DocumentChange::Unchanged { id: document.id, modified_at: file.modified_at })
                .collect();
            self.app.store().commit(Commit { documents, ..Commit::default() }).await?;
        }
        Ok(())
    }

    /// SHA-256 by URI.
    async fn hashes(&self, files: Vec<Listed>) -> Result<HashMap<String, String>, AppError> {
        if files.is_empty() {
            return Ok(HashMap::new());
        }
        let cancel = self.cancel.clone();
        let hashes = tokio::task::spawn_blocking(move || hash_files(&files, &cancel)).await.map_err(join_error)?;
        if self.cancel.is_cancelled() { Err(AppError::Cancelled) } else { Ok(hashes) }
    }

    /// A moved file keeps its document, its chunks and its vectors.
    async fn rename(&mut self, plan: &mut Plan) -> Result<(), AppError> {
        let hashes = self.hashes(rename_candidates(plan)).await?;
        let renames = take_renames(plan, &hashes);
        for batch in renames.chunks(BATCH) {
            let documents = batch
                .iter()
                .map(|(document, file)| DocumentChange::Renamed {
                    id: document.id,
                    uri: file.uri.clone(),
                    name: file.name.clone(),
                    modified_at: file.modified_at,
                })
                .collect();
            let named = batch.iter().filter(|(document, file)| document.name != file.name);
            let named: Vec<DocumentId> = named.map(|(document, _)| document.id).collect();
            let jobs = named.chunks(RENAME_BATCH).map(|part| {
                let job = RenamePoints { v: 1, documents: part.to_vec() };
                JobSpec::of(&job, &part[0].to_string()).build(self.job.operation, self.job.collection)
            });
            let jobs = jobs.collect();
            self.app.store().commit(Commit { documents, jobs, ..Commit::default() }).await?;
        }
        Ok(())
    }

    /// Documents nobody works on since their operation was cancelled.
    async fn queue_waiting(&mut self, documents: impl Iterator<Item = &Document>) -> Result<(), AppError> {
        let mut commit = Commit::default();
        for document in documents {
            self.extract(document.id, &mut commit);
            self.store_full(&mut commit).await?;
        }
        Ok(self.app.store().commit(commit).await?)
    }

    async fn queue_files(&mut self, new: Vec<Listed>, changed: Vec<(DocumentId, Listed)>) -> Result<(), AppError> {
        let mut commit = Commit::default();
        for (id, file) in changed {
            commit.documents.push(DocumentChange::Reopened { id, size: file.size, modified_at: file.modified_at });
            self.extract(id, &mut commit);
            self.store_full(&mut commit).await?;
        }
        for file in new {
            let document = self.new_document(file);
            let id = document.id;
            commit.new_documents.push(document);
            self.extract(id, &mut commit);
            self.store_full(&mut commit).await?;
        }
        Ok(self.app.store().commit(commit).await?)
    }

    async fn delete(&mut self, vanished: Vec<Document>) -> Result<(), AppError> {
        for batch in vanished.chunks(PURGE_BATCH) {
            let ids: Vec<DocumentId> = batch.iter().map(|document| document.id).collect();
            let key = ids.first().map(ToString::to_string).unwrap_or_default();
            let commit = Commit {
                documents: ids.iter().map(|&id| DocumentChange::Deleting(id)).collect(),
                jobs: vec![
                    JobSpec::of(&PurgeDocuments { v: 1, documents: ids }, &key)
                        .build(self.job.operation, self.job.collection),
                ],
                ..Commit::default()
            };
            self.app.store().commit(commit).await?;
        }
        Ok(())
    }

    fn extract(&self, id: DocumentId, commit: &mut Commit) {
        let job = JobSpec::of(&ExtractDocument { v: 1, document: id }, &id.to_string());
        commit.jobs.push(job.build(self.job.operation, self.job.collection));
    }

    async fn store_full(&mut self, commit: &mut Commit) -> Result<(), AppError> {
        if commit.jobs.len() < BATCH {
            return Ok(());
        }
        if self.cancel.is_cancelled() {
            return Err(AppError::Cancelled);
        }
        self.app.store().commit(std::mem::take(commit)).await?;
        // What is queued stays queued: losing the rest of the listing costs no attempt.
        self.queued += BATCH;
        let progress = serde_json::json!({ "queued": self.queued });
        Ok(self.app.store().checkpoint(self.job.id, self.job.token, progress).await?)
    }

    fn new_document(&self, file: Listed) -> NewDocument {
        NewDocument {
            id: DocumentId::generate(),
            collection: self.source.collection,
            source: self.source.id,
            parent: None,
            uri: file.uri,
            name: file.name,
            size: file.size,
            modified_at: file.modified_at,
            content_hash: None,
            tags: Vec::new(),
            status: DocumentStatus::Pending,
            reason: None,
        }
    }
}

async fn list(directory: DirectorySource, cancel: &CancellationToken) -> Result<(Vec<Listed>, Listing), AppError> {
    let (sender, mut receiver) = mpsc::channel(4);
    let cancel = cancel.clone();
    let walk = tokio::task::spawn_blocking(move || connect::list_directory(&directory, sender, &cancel));
    let mut listed = Vec::new();
    while let Some(batch) = receiver.recv().await {
        listed.extend(batch);
    }
    let listing = walk.await.map_err(join_error)?;
    Ok((listed, listing?))
}

/// Every top-level document of the source, and the members that wait.
async fn known_documents(app: &App, source: &Source) -> Result<(Vec<Document>, Vec<Document>), AppError> {
    let filter = DocumentFilter { source: Some(source.id), ..DocumentFilter::default() };
    let (mut known, mut waiting, mut after) = (Vec::new(), Vec::new(), None);
    loop {
        let page = app.store().list_documents(&filter, after, BATCH).await?;
        for document in page.documents {
            match document.parent {
                None => known.push(document),
                Some(_) if is_waiting(&document) => waiting.push(document),
                Some(_) => {}
            }
        }
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok((known, waiting)),
        }
    }
}

fn is_waiting(document: &Document) -> bool {
    matches!(document.status, DocumentStatus::Pending | DocumentStatus::Processing)
}

/// The file that a member's URI begins with.
fn container(uri: &str) -> &str {
    uri.split_once("!/").map_or(uri, |(file, _)| file)
}

/// SHA-256 by URI; a file that cannot be read is simply not a rename.
fn hash_files(files: &[Listed], cancel: &CancellationToken) -> HashMap<String, String> {
    let readable = files.iter().take_while(|_| !cancel.is_cancelled());
    readable.filter_map(|file| Some((file.uri.clone(), hash_file(&file.path).ok()?))).collect()
}

fn hash_file(path: &Path) -> std::io::Result<String> {
    let mut file = std::fs::File::open(path)?;
    let (mut hasher, mut buffer) = (Sha256::new(), vec![0; 1 << 16]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hex(&hasher.finalize())),
            read => hasher.update(&buffer[..read]),
        }
    }
}

fn join_error(error: tokio::task::JoinError) -> AppError {
    AppError::Internal(format!("a background task ended badly: {error}"))
}
