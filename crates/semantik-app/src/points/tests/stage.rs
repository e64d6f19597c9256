//! An application with one document of one passage, in whose index a test may act at given moments.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use futures::future::BoxFuture;
use semantik_config::Config;
use semantik_core::SystemClock;
use semantik_core::chunk::Chunk;
use semantik_core::collection::NewCollection;
use semantik_core::document::DocumentStatus;
use semantik_core::id::{ChunkId, DocumentId, SourceId};
use semantik_core::job::JobQueue;
use semantik_core::operation::OperationKind;
use semantik_core::source::{Source, SourceConfig};
use semantik_inference::local::MockEmbedder;
use semantik_store::{Commit, DocumentChange, NewDocument, ReplaceChunks};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::scripted::ScriptedEngine;
use crate::jobs::{EmbedChunks, RenamePoints, embed_chunks};
use crate::{App, Caller, Parts};

/// When a test may act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Moment {
    /// Before points are written.
    Upsert,
    /// After they are durable.
    Flush,
    /// Before points are removed.
    Delete,
}

/// What happens at which moment, each once.
#[derive(Default)]
pub(super) struct Script(Mutex<HashMap<Moment, BoxFuture<'static, ()>>>);

impl Script {
    pub(super) async fn play(&self, moment: Moment) {
        let scene = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&moment);
        if let Some(scene) = scene {
            scene.await;
        }
    }
}

#[derive(Clone)]
pub(super) struct Stage {
    pub(super) app: App,
    chunk: Chunk,
    script: Arc<Script>,
    /// What others do that had to wait for a turn.
    waiting: Arc<Mutex<Vec<JoinHandle<()>>>>,
    _folder: Arc<tempfile::TempDir>,
}

impl Stage {
    pub(super) async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let script = Arc::new(Script::default());
        let app = open(folder.path(), Arc::clone(&script)).await;
        let new = NewCollection {
            name: "notes".into(),
            description: String::new(),
            tags: Vec::new(),
            chunking: semantik_core::chunk::ChunkSettings::default(),
        };
        let collection = app.create_collection(&Caller::local_owner(), new).await.expect("a collection").collection.id;
        let (dataset, _) = app.store().dataset_and_index(collection).await.expect("its dataset");
        let (source, document) = (SourceId::generate(), DocumentId::generate());
        let (config, created_at) = (SourceConfig::Upload, app.now());
        let row = Source { id: source, collection, config, last_scan_at: None, last_error: None, created_at };
        app.store().create_source(row).await.expect("a source");
        let row = NewDocument {
            id: document,
            collection,
            source,
            parent: None,
            uri: "old.txt".into(),
            name: "old.txt".into(),
            size: 1,
            modified_at: None,
            content_hash: None,
            tags: Vec::new(),
            status: DocumentStatus::Processing,
            reason: None,
        };
        app.store().commit(Commit { new_documents: vec![row], ..Commit::default() }).await.expect("a document");
        let text = "the passage";
        let chunk = Chunk {
            id: ChunkId::derive(dataset.id, document, None, text, 0),
            collection,
            dataset: dataset.id,
            document,
            ordinal: 0,
            text: text.into(),
            start: 0,
            end: text.len(),
            overlap: 0,
            page: None,
            context: None,
            token_count: 2,
            indexed: false,
        };
        Self { app, chunk, script, waiting: Arc::default(), _folder: Arc::new(folder) }
    }

    /// Makes a test act at a moment.
    pub(super) fn at(&self, moment: Moment, act: impl Future<Output = ()> + Send + 'static) {
        self.script.0.lock().unwrap_or_else(PoisonError::into_inner).insert(moment, Box::pin(act));
    }

    /// Whether everything happened that was to.
    pub(super) fn is_played(&self) -> bool {
        self.script.0.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Somebody else does this; waited for now, unless it has to wait for a turn itself.
    pub(super) async fn meanwhile(&self, work: impl Future<Output = ()> + Send + 'static) {
        let must_wait = self.app.turns.are_taken();
        let task = tokio::spawn(work);
        if must_wait {
            self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push(task);
        } else {
            task.await.expect("it does not panic");
        }
    }

    /// Waits for everybody.
    pub(super) async fn settle(&self) {
        let waiting = std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        for task in waiting {
            task.await.expect("it does not panic");
        }
    }

    /// The document is read, with the passage in it.
    pub(super) async fn row_comes(&self) {
        self.replace(vec![self.chunk.clone()]).await;
    }

    /// The document is read, without the passage.
    pub(super) async fn row_goes(&self) {
        self.replace(Vec::new()).await;
    }

    async fn replace(&self, chunks: Vec<Chunk>) {
        let replace = ReplaceChunks { document: self.chunk.document, dataset: self.chunk.dataset, chunks };
        let commit = Commit { replace_chunks: vec![replace], ..Commit::default() };
        self.app.store().commit(commit).await.expect("rows are replaced");
    }

    /// A worker embeds what the document has.
    pub(super) async fn embed(self) {
        let jobs = EmbedChunks::all_of(self.chunk.document, 1).collect();
        self.app.begin(OperationKind::Reconcile, self.chunk.collection, jobs).await.expect("an operation");
        let jobs = self.app.store().claim(JobQueue::Embed, "test", 1).await.expect("a job");
        let held: Vec<_> = jobs.into_iter().map(|job| (job, CancellationToken::new())).collect();
        let results = embed_chunks::run_many(&self.app, &held).await;
        assert!(matches!(results[..], [None]), "the job ended with its chunks: {results:?}");
    }

    /// Somebody takes the point for an orphan.
    pub(super) async fn drop_orphan(self) {
        self.app.drop_orphans(self.chunk.collection, &[self.chunk.id]).await.expect("orphans go");
    }

    /// The document is about to lose the passage.
    pub(super) async fn withdraw(&self) {
        let (_, _, index) = self.app.open_index(self.chunk.collection).await.expect("an index");
        self.app.withdraw_points(index.as_ref(), vec![self.chunk.id]).await.expect("points go");
    }

    /// The document gets another name.
    pub(super) async fn rename(self, name: &str) {
        let id = self.chunk.document;
        let renamed = DocumentChange::Renamed { id, uri: name.into(), name: name.into(), modified_at: None };
        let commit = Commit { documents: vec![renamed], ..Commit::default() };
        self.app.store().commit(commit).await.expect("it is renamed");
        let job = RenamePoints { v: 1, documents: vec![id] };
        job.run(&self.app, &CancellationToken::new()).await.expect("points follow");
    }

    /// Whether the row says that it is indexed; `None` without a row.
    pub(super) async fn is_marked(&self) -> Option<bool> {
        let rows = self.app.store().chunks_by_id(&[self.chunk.id]).await.expect("rows");
        rows.first().map(|chunk| chunk.indexed)
    }

    /// Whether the index has the passage.
    pub(super) async fn has_point(&self) -> bool {
        let (_, _, index) = self.app.open_index(self.chunk.collection).await.expect("an index");
        !index.points(None, 10).await.expect("points").is_empty()
    }

    /// How many passages are found by a word.
    pub(super) async fn found_by(&self, word: &str) -> usize {
        let (_, _, index) = self.app.open_index(self.chunk.collection).await.expect("an index");
        index.search_lexical(word, 10, &None).await.expect("a search").len()
    }
}

async fn open(folder: &std::path::Path, script: Arc<Script>) -> App {
    let mut config = Config { data_dir: folder.to_owned(), ..Config::default() };
    config.embedding.mock = true;
    let clock = Arc::new(SystemClock);
    let store = semantik_store::open(&config.store_url(), clock.clone()).await.expect("a store");
    let blobs = semantik_store::blobs::open_folder(&folder.join("blobs")).expect("blobs");
    let engine = Arc::new(ScriptedEngine::open(&folder.join("index"), script));
    let extractor = Arc::new(crate::open::extractor(&config, None).expect("extractors"));
    let embedder = Arc::new(MockEmbedder::new());
    App::new(Parts { config, clock, store, blobs, engine, embedder, reranker: None, extractor })
}
