//! The real index, which plays a script.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use semantik_core::id::{ChunkId, DocumentId, IndexId};
use semantik_index::{DocumentSet, Index, IndexEngine, IndexError, IndexStats, Point, Scored};

use super::stage::{Moment, Script};

pub(super) struct ScriptedEngine {
    inner: Arc<dyn IndexEngine>,
    script: Arc<Script>,
}

struct ScriptedIndex {
    inner: Arc<dyn Index>,
    script: Arc<Script>,
}

impl ScriptedEngine {
    pub(super) fn open(folder: &Path, script: Arc<Script>) -> Self {
        Self { inner: semantik_index::open(folder).expect("an engine"), script }
    }
}

#[async_trait]
impl IndexEngine for ScriptedEngine {
    async fn open(&self, id: IndexId, dimensions: usize) -> Result<Arc<dyn Index>, IndexError> {
        let inner = self.inner.open(id, dimensions).await?;
        Ok(Arc::new(ScriptedIndex { inner, script: Arc::clone(&self.script) }))
    }

    async fn remove(&self, id: IndexId) -> Result<(), IndexError> {
        self.inner.remove(id).await
    }

    async fn list(&self) -> Result<Vec<IndexId>, IndexError> {
        self.inner.list().await
    }
}

#[async_trait]
impl Index for ScriptedIndex {
    async fn upsert(&self, points: Vec<Point>) -> Result<(), IndexError> {
        self.script.play(Moment::Upsert).await;
        self.inner.upsert(points).await
    }

    async fn delete_documents(&self, documents: &[DocumentId]) -> Result<(), IndexError> {
        self.inner.delete_documents(documents).await
    }

    async fn delete_points(&self, points: &[ChunkId]) -> Result<(), IndexError> {
        self.script.play(Moment::Delete).await;
        self.inner.delete_points(points).await
    }

    async fn flush(&self) -> Result<(), IndexError> {
        self.inner.flush().await?;
        self.script.play(Moment::Flush).await;
        Ok(())
    }

    async fn search_dense(
        &self,
        vector: &[f32],
        limit: usize,
        documents: &DocumentSet,
    ) -> Result<Vec<Scored>, IndexError> {
        self.inner.search_dense(vector, limit, documents).await
    }

    async fn search_lexical(
        &self,
        query: &str,
        limit: usize,
        documents: &DocumentSet,
    ) -> Result<Vec<Scored>, IndexError> {
        self.inner.search_lexical(query, limit, documents).await
    }

    fn highlight(&self, query: &str, text: &str) -> Vec<Range<usize>> {
        self.inner.highlight(query, text)
    }

    async fn vectors(&self, points: &[ChunkId]) -> Result<Vec<Option<Vec<f32>>>, IndexError> {
        self.inner.vectors(points).await
    }

    async fn points(&self, after: Option<ChunkId>, limit: usize) -> Result<Vec<(ChunkId, DocumentId)>, IndexError> {
        self.inner.points(after, limit).await
    }

    async fn stats(&self) -> Result<IndexStats, IndexError> {
        self.inner.stats().await
    }

    async fn compact(&self) -> Result<bool, IndexError> {
        self.inner.compact().await
    }

    async fn idle(&self) -> Result<(), IndexError> {
        self.inner.idle().await
    }
}
