//! How fast the queue and the documents go: `cargo run --release -p semantik-store --example throughput`.

use std::sync::Arc;
use std::time::Instant;

use semantik_core::chunk::{Chunk, ChunkSettings};
use semantik_core::collection::{Collection, CollectionStatus, Dataset, Index, IndexStatus, Quantization};
use semantik_core::document::DocumentStatus;
use semantik_core::id::{ChunkId, CollectionId, DatasetId, DocumentId, IndexId, JobId, OperationId, SourceId, UserId};
use semantik_core::job::{JobQueue, NewJob};
use semantik_core::operation::OperationKind;
use semantik_core::source::{Source, SourceConfig};
use semantik_core::{Clock, SystemClock};
use semantik_store::{Commit, DocumentChange, Ended, JobOutcome, NewDocument, ReplaceChunks, Store, StoreError};

const DOCUMENTS: usize = 50_000;

#[tokio::main]
async fn main() -> Result<(), StoreError> {
    let folder = std::env::args().nth(1).unwrap_or_else(|| "throughput".into());
    let store = semantik_store::open(&format!("sqlite:{folder}/store.db"), Arc::new(SystemClock)).await?;
    let now = SystemClock.now();
    let (collection, dataset, source) = (CollectionId::generate(), DatasetId::generate(), SourceId::generate());
    set_up(store.as_ref(), collection, dataset, source).await?;
    let operation = OperationId::generate();
    store.create_operation(operation, OperationKind::Index, collection, vec![]).await?;

    let start = Instant::now();
    for batch in 0..DOCUMENTS / 1000 {
        let mut commit = Commit::default();
        for n in 0..1000 {
            let id = DocumentId::generate();
            commit.new_documents.push(NewDocument {
                id,
                collection,
                source,
                parent: None,
                uri: format!("{batch}/{n}.txt"),
                name: format!("{n}.txt"),
                size: 1000,
                modified_at: Some(now),
                content_hash: None,
                tags: vec![],
                status: DocumentStatus::Pending,
                reason: None,
            });
            commit.jobs.push(NewJob {
                id: JobId::generate(),
                operation,
                collection,
                queue: JobQueue::Extract,
                name: "extract_document",
                key: id.to_string(),
                payload: serde_json::json!({ "v": 1, "document": id }),
                priority: 0,
            });
        }
        store.commit(commit).await?;
    }
    println!("inserted {DOCUMENTS} documents with jobs: {:.0}/s", DOCUMENTS as f64 / start.elapsed().as_secs_f64());
    drain(store.as_ref(), collection, dataset, operation).await
}

async fn set_up(
    store: &dyn Store,
    collection: CollectionId,
    dataset: DatasetId,
    source: SourceId,
) -> Result<(), StoreError> {
    let now = SystemClock.now();
    store
        .create_collection(
            Collection {
                id: collection,
                owner: UserId::LOCAL_OWNER,
                name: collection.to_string(),
                description: String::new(),
                tags: vec![],
                status: CollectionStatus::Ready,
                created_at: now,
                updated_at: now,
            },
            Dataset { id: dataset, collection, name: "d".into(), chunking: ChunkSettings::default(), created_at: now },
            Index {
                id: IndexId::generate(),
                dataset,
                collection,
                model: "m".into(),
                model_hash: "h".into(),
                quantization: Quantization::Float32,
                recipe: String::new(),
                dimensions: 1,
                generation: 1,
                status: IndexStatus::Ready,
                created_at: now,
            },
        )
        .await?;
    store
        .create_source(Source {
            id: source,
            collection,
            config: SourceConfig::Upload,
            last_scan_at: None,
            last_error: None,
            created_at: now,
        })
        .await
}

async fn drain(
    store: &dyn Store,
    collection: CollectionId,
    dataset: DatasetId,
    operation: OperationId,
) -> Result<(), StoreError> {
    let (mut done, mut mark, mut claiming, mut polling) = (0, Instant::now(), 0.0, 0.0);
    loop {
        let start = Instant::now();
        let jobs = store.claim(JobQueue::Extract, "worker", 64).await?;
        claiming += start.elapsed().as_secs_f64();
        if jobs.is_empty() {
            break;
        }
        let mut commit = Commit::default();
        for job in &jobs {
            commit.ended.push(Ended { id: job.id, token: job.token, outcome: JobOutcome::Success });
            let Some(id) = job.payload["document"].as_str().and_then(|text| text.parse::<DocumentId>().ok()) else {
                continue;
            };
            commit.documents.push(DocumentChange::Extracted {
                id,
                content_hash: "h".into(),
                size: 1000,
                modified_at: None,
                mime: "text/plain".into(),
                title: None,
                language: None,
                pages: vec![],
            });
            let chunks = (0..4).map(|ordinal| chunk(collection, dataset, id, ordinal)).collect::<Vec<_>>();
            commit.indexed.extend(chunks.iter().map(|c| c.id));
            commit.replace_chunks.push(ReplaceChunks { document: id, dataset, chunks });
        }
        store.commit(commit).await?;
        let start = Instant::now();
        store.operation(operation).await?;
        store.counts(collection).await?;
        polling += start.elapsed().as_secs_f64();
        let before = done / 10_000;
        done += jobs.len();
        if done / 10_000 > before {
            println!(
                "{done} done: {:.0} jobs/s with 4 chunks each, claim of 64 {:.2} ms, progress and counts {:.2} ms",
                10_000.0 / mark.elapsed().as_secs_f64(),
                claiming * 1000.0 / 156.0,
                polling * 1000.0 / 156.0
            );
            (mark, claiming, polling) = (Instant::now(), 0.0, 0.0);
        }
    }
    println!("{:?}", store.operation(operation).await?.status);
    Ok(())
}

fn chunk(collection: CollectionId, dataset: DatasetId, document: DocumentId, ordinal: u32) -> Chunk {
    Chunk {
        id: ChunkId::derive(dataset, document, None, "h", ordinal),
        collection,
        dataset,
        document,
        ordinal,
        text: "word ".repeat(160),
        start: 0,
        end: 800,
        overlap: 0,
        page: None,
        context: None,
        token_count: 160,
        indexed: false,
    }
}
