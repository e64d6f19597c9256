//! A file becomes text, chunks and embed jobs.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use semantik_core::chunk::Chunk;
use semantik_core::collection::Dataset;
use semantik_core::document::{Document, DocumentStatus, ExtractedText, Reason};
use semantik_core::id::{ChunkId, DocumentId};
use semantik_core::job::{ClaimedJob, JobQueue};
use semantik_core::source::{Source, SourceConfig};
use semantik_index::Index;
use semantik_ingest::extract::{Extracted, Outcome, Request};
use semantik_ingest::{IngestError, connect};
use semantik_store::{Commit, DocumentChange, ReplaceChunks, StoreError};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::{EmbedChunks, JobKind, JobSpec, PurgeDocuments, members};
use crate::documents::{io_error, original_key, text_key};
use crate::open::TEMPORARY;
use crate::{App, AppError};

/// Extracts and cuts one document.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ExtractDocument {
    pub(crate) v: u32,
    pub(crate) document: DocumentId,
}

impl JobKind for ExtractDocument {
    const NAME: &'static str = "extract_document";
    const QUEUE: JobQueue = JobQueue::Extract;
}

impl ExtractDocument {
    pub(super) async fn run(self, app: &App, job: &ClaimedJob, cancel: &CancellationToken) -> Result<Commit, AppError> {
        let document = match app.store().document(self.document).await {
            Ok(document) if document.status != DocumentStatus::Deleting => document,
            Ok(_) | Err(StoreError::NotFound { .. }) => return Ok(Commit::default()),
            Err(error) => return Err(error.into()),
        };
        let started = Commit { documents: vec![DocumentChange::Processing(document.id)], ..Commit::default() };
        app.store().commit(started).await?;
        let source = app.store().source(document.source).await?;
        let original = Original::locate(app, &document, &source).await?;
        let extracted = match extract(app, &document, &original, cancel).await {
            Ok(extracted) => extracted,
            Err(AppError::Ingest(IngestError::Vanished)) if source_is_there(&source) => {
                return Ok(forget(&document, job));
            }
            Err(error) => return Err(error),
        };
        store(app, job, &document, extracted).await
    }
}

/// Where a document's bytes are; a blob is copied out for the extractor and goes with this value.
struct Original {
    path: PathBuf,
    _copy: Option<tempfile::TempPath>,
}

impl Original {
    async fn locate(app: &App, document: &Document, source: &Source) -> Result<Self, AppError> {
        match &source.config {
            SourceConfig::Directory(directory) if document.parent.is_none() => {
                let path = connect::decode_path(&directory.path).join(connect::decode_path(&document.uri));
                Ok(Self { path, _copy: None })
            }
            SourceConfig::Directory(_) | SourceConfig::Upload => {
                let name = format!("original-{}", uuid::Uuid::new_v4().simple());
                let path = app.config().data_dir.join(TEMPORARY).join(name);
                match app.blobs().get_file(&original_key(document.id), &path).await {
                    Err(StoreError::NotFound { .. }) => return Err(IngestError::Vanished.into()),
                    other => other?,
                }
                let copy = tempfile::TempPath::try_from_path(path.clone()).map_err(io_error)?;
                Ok(Self { path, _copy: Some(copy) })
            }
        }
    }
}

/// A parser that died is asked again without what is optional. One that dies then as well will die a
/// third time: the file is at fault.
async fn extract(
    app: &App,
    document: &Document,
    original: &Original,
    cancel: &CancellationToken,
) -> Result<Extracted, AppError> {
    let depth = u8::try_from(document.uri.matches("!/").count()).unwrap_or(u8::MAX);
    let request = Request { path: original.path.clone(), name: document.name.clone(), depth, careful: false };
    let mut result = app.parts.extractor.extract(request.clone(), cancel).await;
    if matches!(result, Err(IngestError::Crashed(_) | IngestError::Memory { .. })) {
        result = app.parts.extractor.extract(Request { careful: true, ..request }, cancel).await;
    }
    match result {
        Ok(extracted) => Ok(extracted),
        Err(IngestError::Cancelled) => Err(AppError::Cancelled),
        Err(IngestError::Crashed(how)) => Err(IngestError::Broken(format!("the parser crashed twice: {how}")).into()),
        Err(error) => Err(error.into()),
    }
}

fn source_is_there(source: &Source) -> bool {
    match &source.config {
        SourceConfig::Directory(directory) => connect::decode_path(&directory.path).is_dir(),
        SourceConfig::Upload => false,
    }
}

/// The file went away while its folder stayed: that is evidence enough to delete.
fn forget(document: &Document, job: &ClaimedJob) -> Commit {
    let purge = PurgeDocuments { v: 1, documents: vec![document.id] };
    Commit {
        documents: vec![DocumentChange::Deleting(document.id)],
        jobs: vec![JobSpec::of(&purge, &document.id.to_string()).build(job.operation, job.collection)],
        ..Commit::default()
    }
}

async fn store(app: &App, job: &ClaimedJob, document: &Document, extracted: Extracted) -> Result<Commit, AppError> {
    let (dataset, _, index) = app.open_index(document.collection).await?;
    let mut commit = Commit::default();
    let content_hash = extracted.content_hash.clone();
    match extracted.outcome {
        Outcome::Skipped { policy, message } => {
            withdraw(app, document.id, &HashSet::new(), index.as_ref()).await?;
            app.blobs().delete(&text_key(document.id)).await?;
            let reason = Reason::Skipped { policy, message };
            let (id, mime) = (document.id, Some(extracted.mime));
            commit.documents.push(DocumentChange::Ended { id, reason, mime, content_hash: Some(content_hash) });
        }
        Outcome::Text(text) => {
            let bytes = serde_json::to_vec(&text).map_err(|error| AppError::Internal(error.to_string()))?;
            app.blobs().put(&text_key(document.id), bytes).await?;
            let (chunks, text) = cut(app, &dataset, document, text).await?;
            let ids = chunks.iter().map(|chunk| chunk.id).collect();
            withdraw(app, document.id, &ids, index.as_ref()).await?;
            commit.documents.push(DocumentChange::Extracted {
                id: document.id,
                content_hash,
                size: extracted.size,
                modified_at: document.modified_at,
                mime: text.mime,
                title: text.title,
                language: text.language,
                pages: text.pages,
            });
            let embed = EmbedChunks::all_of(document.id, chunks.len() as u64);
            commit.jobs.extend(embed.map(|spec| spec.build(job.operation, job.collection)));
            commit.replace_chunks.push(ReplaceChunks { document: document.id, dataset: dataset.id, chunks });
        }
    }
    members::reconcile(app, job, document, extracted.members, &mut commit).await?;
    Ok(commit)
}

/// Cuts on a blocking thread: tokenising a large text takes seconds.
async fn cut(
    app: &App,
    dataset: &Dataset,
    document: &Document,
    text: ExtractedText,
) -> Result<(Vec<Chunk>, ExtractedText), AppError> {
    let (settings, tokens) = (dataset.chunking.clone(), app.embedder().tokens());
    let most = app.embedder().info().max_tokens;
    let cutting = tokio::task::spawn_blocking(move || {
        let pieces = semantik_ingest::chunk::chunk(&text, &settings, most, &|part| tokens.spans(part));
        (pieces, text)
    });
    let (pieces, text) = cutting.await.map_err(|error| AppError::Internal(format!("the chunker failed: {error}")))?;
    let mut repeats = HashMap::new();
    let chunks = pieces.into_iter().zip(0_u32..).map(|(piece, ordinal)| {
        let passage = &text.text[piece.start..piece.end];
        let repeat = repeats.entry((piece.context.clone(), passage)).or_insert(0);
        let id = ChunkId::derive(dataset.id, document.id, piece.context.as_deref(), passage, *repeat);
        *repeat += 1;
        Chunk {
            id,
            collection: document.collection,
            dataset: dataset.id,
            document: document.id,
            ordinal,
            text: passage.to_owned(),
            start: piece.start,
            end: piece.end,
            overlap: piece.overlap,
            page: piece.page,
            context: piece.context,
            token_count: piece.token_count,
            indexed: false,
        }
    });
    let chunks = chunks.collect();
    Ok((chunks, text))
}

/// Takes points of an earlier version out of the index, durably, before their rows go: a crash in
/// between leaves a document to be read again, never a point without a row.
async fn withdraw(app: &App, document: DocumentId, keep: &HashSet<ChunkId>, index: &dyn Index) -> Result<(), AppError> {
    let old = app.store().chunk_ids_of(document).await?;
    app.withdraw_points(index, old.into_iter().filter(|id| !keep.contains(id)).collect()).await
}
