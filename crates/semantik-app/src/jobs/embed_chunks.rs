//! Chunks become points. Jobs of many small documents are embedded together; a batch is durable in
//! the index before its chunks are marked, so a crash repeats a batch and never loses one.

use std::collections::{HashMap, HashSet};

use semantik_core::chunk::Chunk;
use semantik_core::id::{ChunkId, CollectionId, DocumentId};
use semantik_core::job::{ClaimedJob, JobQueue};
use semantik_index::Point;
use semantik_inference::{InferenceError, Purpose};
use semantik_store::{Commit, Ended, JobOutcome, StoreError};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::{JobKind, JobSpec};
use crate::{App, AppError};

/// Jobs taken at once.
pub(super) const JOBS_PER_ROUND: usize = 64;

/// Chunks of a job: small enough that a cancel, a crash or another operation never waits long.
const CHUNKS_PER_JOB: u32 = 64;

/// Embeds a range of a document's chunks.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct EmbedChunks {
    pub(crate) v: u32,
    pub(crate) document: DocumentId,
    /// First ordinal.
    pub(crate) from: u32,
    pub(crate) count: u32,
}

impl JobKind for EmbedChunks {
    const NAME: &'static str = "embed_chunks";
    const QUEUE: JobQueue = JobQueue::Embed;
}

impl EmbedChunks {
    /// The jobs that embed a whole document of so many chunks.
    pub(crate) fn all_of(document: DocumentId, chunks: u64) -> impl Iterator<Item = JobSpec> {
        let chunks = u32::try_from(chunks).unwrap_or(u32::MAX);
        let starts = (0..chunks).step_by(CHUNKS_PER_JOB as usize);
        starts.map(move |from| {
            let job = Self { v: 1, document, from, count: CHUNKS_PER_JOB };
            JobSpec::of(&job, &format!("{document}/{from}"))
        })
    }
}

/// Runs claimed jobs together. `None` means the job ended here, with its chunks; everything else
/// is for the caller to end.
pub(crate) async fn run_many(app: &App, held: &[(ClaimedJob, CancellationToken)]) -> Vec<Option<Result<(), AppError>>> {
    let mut round = Round { app, held, results: held.iter().map(|_| None).collect(), batch: Batch::default() };
    for position in 0..held.len() {
        if let Err(error) = round.add(position).await {
            round.results[position] = Some(Err(error));
        }
    }
    round.flush().await;
    round.results
}

/// Chunks waiting to be embedded together.
#[derive(Default)]
struct Batch {
    /// With the position of the job each belongs to.
    chunks: Vec<(usize, Chunk)>,
    /// Jobs whose last chunk is in here.
    ending: Vec<usize>,
}

struct Round<'a> {
    app: &'a App,
    held: &'a [(ClaimedJob, CancellationToken)],
    results: Vec<Option<Result<(), AppError>>>,
    batch: Batch,
}

impl Round<'_> {
    async fn add(&mut self, position: usize) -> Result<(), AppError> {
        let (job, cancel) = &self.held[position];
        let spec = EmbedChunks::read(job)?;
        let chunks = self.app.store().chunks_of(spec.document, spec.from, spec.count as usize).await?;
        // Not after the work, and not at the cost of the other jobs of the round.
        if let Some(chunk) = chunks.first() {
            self.app.check_fits(chunk.collection).await?;
        }
        for chunk in
            chunks.into_iter().filter(|chunk| !chunk.indexed && chunk.ordinal < spec.from.saturating_add(spec.count))
        {
            if cancel.is_cancelled() {
                return Err(AppError::Cancelled);
            }
            if self.results[position].is_some() {
                return Ok(());
            }
            self.batch.chunks.push((position, chunk));
            if self.batch.chunks.len() >= self.app.config().embedding.batch_size {
                self.flush().await;
            }
        }
        if self.results[position].is_none() {
            self.batch.ending.push(position);
        }
        Ok(())
    }

    /// Embeds, stores and marks the batch. An error goes to the first job of the batch; the others
    /// are handed back, so that one poisonous text does not use up the attempts of its neighbours.
    async fn flush(&mut self) {
        let batch = std::mem::take(&mut self.batch);
        if let Err(error) = self.process(&batch).await {
            let mut touched: Vec<usize> = batch.chunks.iter().map(|(position, _)| *position).collect();
            touched.extend(&batch.ending);
            touched.sort_unstable();
            touched.dedup();
            let mut first = Some(error);
            for position in touched {
                if self.results[position].is_none() {
                    self.results[position] = Some(Err(first.take().unwrap_or(AppError::Cancelled)));
                }
            }
        }
    }

    async fn process(&mut self, batch: &Batch) -> Result<(), AppError> {
        if batch.chunks.is_empty() && batch.ending.is_empty() {
            return Ok(());
        }
        let vectors = self.embed(batch).await?;
        let indexed: Vec<ChunkId> = batch.chunks.iter().map(|(_, chunk)| chunk.id).collect();
        let turn = self.app.turns.shared().await;
        self.upsert(batch, vectors).await?;
        self.mark(batch, &indexed).await?;
        drop(turn);
        metrics::counter!("semantik_chunks_indexed_total").increment(indexed.len() as u64);
        self.drop_orphans(batch, &indexed).await
    }

    /// Marks rows whose points are durable, and ends the jobs that are done with them.
    async fn mark(&self, batch: &Batch, indexed: &[ChunkId]) -> Result<(), AppError> {
        let mut ending = batch.ending.clone();
        loop {
            let ended = ending.iter().map(|&position| self.success(position)).collect();
            match self.app.store().commit(Commit { ended, indexed: indexed.to_vec(), ..Commit::default() }).await {
                Ok(()) => return Ok(()),
                Err(StoreError::LeaseLost { job }) => {
                    let before = ending.len();
                    ending.retain(|&position| self.held[position].0.id != job);
                    if ending.len() == before {
                        return Err(StoreError::LeaseLost { job }.into());
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    async fn embed(&self, batch: &Batch) -> Result<Vec<Vec<f32>>, AppError> {
        let texts: Vec<String> = batch.chunks.iter().map(|(_, chunk)| passage(chunk)).collect();
        if texts.is_empty() {
            return Ok(Vec::new());
        }
        let positions: HashSet<usize> = batch.chunks.iter().map(|(position, _)| *position).collect();
        let everyone = futures::future::join_all(positions.iter().map(|&position| self.held[position].1.cancelled()));
        let cancel = CancellationToken::new();
        let embedding = self.app.embedder().embed(texts, Purpose::Passage, &cancel);
        let result = tokio::select! {
            result = embedding => result,
            _ = everyone => Err(InferenceError::Cancelled),
        };
        cancel.cancel();
        result.map_err(|error| match error {
            InferenceError::Cancelled => AppError::Cancelled,
            other => other.into(),
        })
    }

    async fn upsert(&self, batch: &Batch, vectors: Vec<Vec<f32>>) -> Result<(), AppError> {
        let names = self.document_names(batch).await?;
        let mut points: HashMap<CollectionId, Vec<Point>> = HashMap::new();
        for ((_, chunk), vector) in batch.chunks.iter().zip(vectors) {
            let name = names.get(&chunk.document).map_or("", String::as_str);
            points.entry(chunk.collection).or_default().push(point(chunk, name, vector));
        }
        for (collection, points) in points {
            let (_, row, index) = self.app.open_index(collection).await?;
            self.app.check_model(&row)?;
            index.upsert(points).await?;
            index.flush().await?;
        }
        Ok(())
    }

    async fn document_names(&self, batch: &Batch) -> Result<HashMap<DocumentId, String>, AppError> {
        let ids: HashSet<DocumentId> = batch.chunks.iter().map(|(_, chunk)| chunk.document).collect();
        let ids: Vec<DocumentId> = ids.into_iter().collect();
        let mut names = HashMap::new();
        for part in ids.chunks(1000) {
            let documents = self.app.store().documents_by_id(part).await?;
            names.extend(documents.into_iter().map(|document| (document.id, document.name)));
        }
        Ok(names)
    }

    /// A document may have been replaced or removed while its chunks were embedded.
    async fn drop_orphans(&self, batch: &Batch, indexed: &[ChunkId]) -> Result<(), AppError> {
        let mut living = HashSet::new();
        for part in indexed.chunks(1000) {
            living.extend(self.app.store().chunks_by_id(part).await?.into_iter().map(|chunk| chunk.id));
        }
        let mut orphans: HashMap<CollectionId, Vec<ChunkId>> = HashMap::new();
        for (_, chunk) in batch.chunks.iter().filter(|(_, chunk)| !living.contains(&chunk.id)) {
            orphans.entry(chunk.collection).or_default().push(chunk.id);
        }
        for (collection, points) in orphans {
            self.app.drop_orphans(collection, &points).await?;
        }
        Ok(())
    }

    fn success(&self, position: usize) -> Ended {
        let job = &self.held[position].0;
        Ended { id: job.id, token: job.token, outcome: JobOutcome::Success }
    }
}

/// A chunk's point; `name` is its document's.
pub(super) fn point(chunk: &Chunk, name: &str, vector: Vec<f32>) -> Point {
    let context = chunk.context.as_deref().map_or_else(|| name.to_owned(), |headings| format!("{name}\n{headings}"));
    Point { id: chunk.id, document: chunk.document, vector, text: chunk.text.clone(), context }
}

/// What the model reads: the headings above a passage say what it is about.
fn passage(chunk: &Chunk) -> String {
    match &chunk.context {
        Some(context) => format!("{context}\n{}", chunk.text),
        None => chunk.text.clone(),
    }
}
