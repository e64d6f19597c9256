//! Repairs without input: whatever jobs missed is found by comparing rows with index, and mended.

mod blobs;
mod consistency;

use std::time::Duration;

use semantik_core::collection::CollectionStatus;
use semantik_core::document::{Document, DocumentStatus};
use semantik_core::id::CollectionId;
use semantik_core::operation::OperationKind;
use semantik_store::{ChunkRef, Commit};
use tokio_util::sync::CancellationToken;

use crate::jobs::{DeleteCollection, EmbedChunks, ExtractDocument, JobSpec, PurgeDocuments};
use crate::{App, AppError};

pub(crate) use consistency::compare;

const EVERY: Duration = Duration::from_secs(300);
const STRANDED: usize = 1000;
const LEASE: &str = "reconcile";

/// Reconciles at start and every 300 s (requirements 2.4) until `stop` fires.
pub(crate) async fn run_regularly(app: App, stop: CancellationToken) {
    let mut tick = tokio::time::interval(EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = tick.tick() => {}
        }
        if let Err(error) = reconcile(&app).await {
            tracing::warn!(%error, "reconciling failed; it is tried again in {} s", EVERY.as_secs());
        }
    }
}

async fn reconcile(app: &App) -> Result<(), AppError> {
    let until = app.now() + i64::try_from(EVERY.as_millis()).unwrap_or(i64::MAX);
    if !app.store().take_lease(LEASE, "local", until).await? {
        return Ok(());
    }
    stranded(app).await?;
    for collection in app.store().collections().await? {
        if collection.status == CollectionStatus::Deleting {
            resume_delete(app, collection.id).await?;
        } else {
            mend(app, collection.id).await?;
        }
    }
    leftovers(app).await?;
    blobs::sweep_when_due(app).await?;
    compact(app).await
}

/// Documents that wait although nothing works on them, and marked ones nobody removes. A cancelled
/// document waits for the next sync on purpose, so only those in the middle are taken up.
async fn stranded(app: &App) -> Result<(), AppError> {
    let documents = app.store().stranded_documents(STRANDED).await?;
    let mut by_collection: std::collections::HashMap<CollectionId, Vec<Document>> = std::collections::HashMap::new();
    for document in documents {
        if matches!(document.status, DocumentStatus::Processing | DocumentStatus::Deleting) {
            by_collection.entry(document.collection).or_default().push(document);
        }
    }
    for (collection, documents) in by_collection {
        tracing::info!(documents = documents.len(), "documents nobody worked on are taken up again");
        let jobs = documents.iter().map(|document| {
            let key = document.id.to_string();
            match document.status {
                DocumentStatus::Deleting => JobSpec::of(&PurgeDocuments { v: 1, documents: vec![document.id] }, &key),
                _ => JobSpec::of(&ExtractDocument { v: 1, document: document.id }, &key),
            }
        });
        app.begin(OperationKind::Reconcile, collection, jobs.collect()).await?;
    }
    Ok(())
}

async fn resume_delete(app: &App, collection: CollectionId) -> Result<(), AppError> {
    if app.store().operations(Some(collection), true, 1).await?.is_empty() {
        let job = JobSpec::of(&DeleteCollection { v: 1, collection }, "collection");
        app.begin(OperationKind::Delete, collection, vec![job]).await?;
    }
    Ok(())
}

/// Points without rows go; rows without points are embedded again. A collection that is being
/// worked on is left alone: its jobs are about to settle it.
async fn mend(app: &App, collection: CollectionId) -> Result<(), AppError> {
    if !app.store().operations(Some(collection), true, 1).await?.is_empty() {
        return Ok(());
    }
    let difference = compare(app, collection).await?;
    if !difference.orphans.is_empty() {
        tracing::warn!(points = difference.orphans.len(), %collection, "points without a chunk are removed");
        app.drop_orphans(collection, &difference.orphans).await?;
    }
    embed_missing(app, collection, difference.missing).await
}

/// Embeds chunks that lost their point. Those of a cancelled document wait for the next sync on
/// purpose.
async fn embed_missing(app: &App, collection: CollectionId, missing: Vec<ChunkRef>) -> Result<(), AppError> {
    let mut documents: Vec<_> = missing.iter().map(|chunk| chunk.document).collect();
    documents.sort_unstable();
    documents.dedup();
    let mut wanted = std::collections::HashMap::new();
    for part in documents.chunks(1000) {
        let rows = app.store().documents_by_id(part).await?;
        let rows = rows.iter().filter(|row| row.status != DocumentStatus::Pending);
        wanted.extend(rows.map(|row| (row.id, row.chunk_count)));
    }
    let missing: Vec<_> = missing.into_iter().filter(|chunk| wanted.contains_key(&chunk.document)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    tracing::warn!(chunks = missing.len(), %collection, "chunks without a point are embedded again");
    for part in missing.chunks(1000) {
        let unindexed = part.iter().map(|chunk| chunk.id).collect();
        app.store().commit(Commit { unindexed, ..Commit::default() }).await?;
    }
    let jobs = wanted.into_iter().flat_map(|(document, chunks)| EmbedChunks::all_of(document, chunks));
    app.begin(OperationKind::Reconcile, collection, jobs.collect()).await?;
    Ok(())
}

/// Index generations no row knows.
async fn leftovers(app: &App) -> Result<(), AppError> {
    // Listed before the rows are read: one made in between is not taken for a leftover.
    let present = app.parts.engine.list().await?;
    let known: std::collections::HashSet<_> = app.store().indexes().await?.into_iter().map(|index| index.id).collect();
    for id in present {
        if !known.contains(&id) {
            tracing::info!(index = %id, "an index nobody knows is removed");
            app.parts.engine.remove(id).await?;
        }
    }
    Ok(())
}

async fn compact(app: &App) -> Result<(), AppError> {
    for row in app.store().indexes().await? {
        let index = app.parts.engine.open(row.id, row.dimensions).await?;
        if index.compact().await? {
            tracing::info!(index = %row.id, "dead rows of the index were freed");
        }
        if app.store().operations(Some(row.collection), true, 1).await?.is_empty() {
            index.idle().await?;
        }
    }
    Ok(())
}
