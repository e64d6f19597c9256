//! From ranked points to hits a person can read.

use std::collections::HashMap;
use std::sync::Arc;

use semantik_core::chunk::Chunk;
use semantik_core::document::{Document, DocumentStatus};
use semantik_core::id::{ChunkId, CollectionId, DocumentId};
use semantik_core::search::{Hit, SearchRequest, Span};
use semantik_index::Index;

use super::fuse::Ranked;
use crate::{App, AppError};

/// Passages shown per document when grouped, the best one included.
const PASSAGES: usize = 4;
/// Rows fetched at once.
const FETCH: usize = 200;

impl App {
    /// Fetches rows until the page is full. A point whose row is gone is left out: the row decides.
    pub(super) async fn present(&self, request: &SearchRequest, ranked: Vec<Ranked>) -> Result<Vec<Hit>, AppError> {
        let mut page = Page::new(request);
        let mut indexes = HashMap::new();
        for part in ranked.chunks(FETCH) {
            let rows = self.rows(part).await?;
            for ranked in part {
                let Some(chunk) = rows.chunks.get(&ranked.found.point.id) else { continue };
                let Some(document) = rows.documents.get(&chunk.document) else { continue };
                if matches!(document.status, DocumentStatus::Deleting) || !page.wants(chunk.document) {
                    continue;
                }
                let index = self.cached_index(&mut indexes, chunk.collection).await?;
                page.add(hit(request, ranked, chunk, document, index.as_ref()));
            }
            if page.is_full() {
                break;
            }
        }
        Ok(page.finish())
    }

    async fn cached_index(
        &self,
        indexes: &mut HashMap<CollectionId, Arc<dyn Index>>,
        id: CollectionId,
    ) -> Result<Arc<dyn Index>, AppError> {
        if let Some(index) = indexes.get(&id) {
            return Ok(index.clone());
        }
        let (_, _, index) = self.open_index(id).await?;
        indexes.insert(id, index.clone());
        Ok(index)
    }

    async fn rows(&self, ranked: &[Ranked]) -> Result<Rows, AppError> {
        let ids: Vec<ChunkId> = ranked.iter().map(|hit| hit.found.point.id).collect();
        let chunks = self.store().chunks_by_id(&ids).await?;
        let mut documents: Vec<DocumentId> = chunks.iter().map(|chunk| chunk.document).collect();
        documents.sort_unstable();
        documents.dedup();
        let documents = self.store().documents_by_id(&documents).await?;
        Ok(Rows {
            chunks: chunks.into_iter().map(|chunk| (chunk.id, chunk)).collect(),
            documents: documents.into_iter().map(|document| (document.id, document)).collect(),
        })
    }
}

struct Rows {
    chunks: HashMap<ChunkId, Chunk>,
    documents: HashMap<DocumentId, Document>,
}

/// The page being filled.
struct Page {
    offset: usize,
    limit: usize,
    grouped: bool,
    hits: Vec<Hit>,
    /// Position in `hits` by document, when grouped.
    places: HashMap<DocumentId, usize>,
}

impl Page {
    fn new(request: &SearchRequest) -> Self {
        let (offset, limit, grouped) = (request.offset, request.limit, request.group_by_document);
        Self { offset, limit, grouped, hits: Vec::new(), places: HashMap::new() }
    }

    fn is_full(&self) -> bool {
        self.hits.len() >= self.offset + self.limit
    }

    fn wants(&self, document: DocumentId) -> bool {
        match self.places.get(&document) {
            Some(&place) => self.hits[place].more.len() + 1 < PASSAGES,
            None => !self.is_full(),
        }
    }

    fn add(&mut self, hit: Hit) {
        if let Some(&place) = self.places.get(&hit.document) {
            self.hits[place].more.push(hit);
            return;
        }
        if self.grouped {
            self.places.insert(hit.document, self.hits.len());
        }
        self.hits.push(hit);
    }

    fn finish(mut self) -> Vec<Hit> {
        self.hits.drain(..self.offset.min(self.hits.len()));
        self.hits.truncate(self.limit);
        self.hits
    }
}

fn hit(request: &SearchRequest, ranked: &Ranked, chunk: &Chunk, document: &Document, index: &dyn Index) -> Hit {
    let marks = index.highlight(&request.query, &chunk.text);
    Hit {
        chunk: chunk.id,
        collection: chunk.collection,
        document: chunk.document,
        uri: document.uri.clone(),
        name: document.name.clone(),
        title: document.title.clone(),
        mime: document.mime.clone(),
        content_hash: document.content_hash.clone(),
        page: chunk.page,
        context: chunk.context.clone(),
        start: chunk.start,
        end: chunk.end,
        text: chunk.text.clone(),
        highlights: marks.into_iter().map(|span| Span { start: span.start, end: span.end }).collect(),
        score: ranked.score,
        explain: request.explain.then(|| ranked.explain.clone()),
        more: Vec::new(),
    }
}
