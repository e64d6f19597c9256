//! Collecting the best hits of a search, among allowed documents and without what was just deleted.

use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, HashSet};
use std::sync::Arc;

use semantik_core::id::{ChunkId, DocumentId};
use tantivy::collector::{Collector, SegmentCollector};
use tantivy::columnar::ColumnValues;
use tantivy::query::Weight;
use tantivy::{DocId, Score, SegmentReader};
use uuid::Uuid;

use super::schema::ID_COLUMNS;
use crate::{DocumentSet, Scored};

/// What was deleted since the last commit: no search may return it any more.
#[derive(Debug, Clone, Default)]
pub(super) struct Gone {
    pub(super) documents: HashSet<DocumentId>,
    pub(super) points: HashSet<ChunkId>,
}

/// Collects the `limit` best, ties by id.
pub(super) struct Best {
    pub(super) limit: usize,
    pub(super) documents: DocumentSet,
    pub(super) gone: Arc<Gone>,
}

/// The columns of ids in one segment.
pub(super) struct Ids([Arc<dyn ColumnValues<u64>>; 4]);

impl Ids {
    pub(super) fn open(segment: &SegmentReader) -> tantivy::Result<Self> {
        let columns = segment.fast_fields();
        let [a, b, c, d] = ID_COLUMNS.map(|name| columns.column_first_or_default(name));
        Ok(Self([a?, b?, c?, d?]))
    }

    pub(super) fn chunk(&self, document: DocId) -> ChunkId {
        ChunkId(Uuid::from_u64_pair(self.0[0].get_val(document), self.0[1].get_val(document)))
    }

    fn document(&self, document: DocId) -> DocumentId {
        DocumentId(Uuid::from_u64_pair(self.0[2].get_val(document), self.0[3].get_val(document)))
    }
}

/// The best of one segment so far; the worst of them is on top of the heap.
pub(super) struct SegmentBest {
    limit: usize,
    documents: DocumentSet,
    gone: Arc<Gone>,
    ids: Ids,
    heap: BinaryHeap<Reverse<Ranked>>,
}

impl SegmentBest {
    /// Scores above this one may still matter. It lies a step below the worst, so that ties are
    /// decided by id and not by where a merge put a document.
    fn threshold(&self) -> Score {
        match self.heap.peek() {
            Some(Reverse(worst)) if self.heap.len() == self.limit => worst.0.score.next_down(),
            _ => Score::MIN,
        }
    }

    fn is_allowed(&self, hit: &Scored) -> bool {
        self.documents.as_ref().is_none_or(|documents| documents.contains(&hit.document))
            && !self.gone.documents.contains(&hit.document)
            && !self.gone.points.contains(&hit.id)
    }
}

impl SegmentCollector for SegmentBest {
    type Fruit = Vec<Scored>;

    fn collect(&mut self, doc: DocId, score: Score) {
        let hit = Scored { id: self.ids.chunk(doc), document: self.ids.document(doc), score };
        let ranked = Ranked(hit);
        let full = self.heap.len() == self.limit;
        if full && self.heap.peek().is_some_and(|Reverse(worst)| ranked <= *worst) || !self.is_allowed(&ranked.0) {
            return;
        }
        if full {
            self.heap.pop();
        }
        self.heap.push(Reverse(ranked));
    }

    fn harvest(self) -> Vec<Scored> {
        self.heap.into_iter().map(|Reverse(ranked)| ranked.0).collect()
    }
}

impl Collector for Best {
    type Fruit = Vec<Scored>;
    type Child = SegmentBest;

    fn for_segment(&self, _: u32, segment: &SegmentReader) -> tantivy::Result<SegmentBest> {
        Ok(SegmentBest {
            limit: self.limit,
            documents: self.documents.clone(),
            gone: Arc::clone(&self.gone),
            ids: Ids::open(segment)?,
            heap: BinaryHeap::with_capacity(self.limit + 1),
        })
    }

    fn requires_scoring(&self) -> bool {
        true
    }

    fn collect_segment(&self, weight: &dyn Weight, at: u32, segment: &SegmentReader) -> tantivy::Result<Vec<Scored>> {
        let mut best = self.for_segment(at, segment)?;
        let alive = segment.alive_bitset();
        weight.for_each_pruning(Score::MIN, segment, &mut |doc, score| {
            if alive.is_none_or(|alive| alive.is_alive(doc)) {
                best.collect(doc, score);
            }
            best.threshold()
        })?;
        Ok(best.harvest())
    }

    fn merge_fruits(&self, segments: Vec<Vec<Scored>>) -> tantivy::Result<Vec<Scored>> {
        let mut hits: Vec<Ranked> = segments.into_iter().flatten().map(Ranked).collect();
        hits.sort_unstable_by(|a, b| b.cmp(a));
        hits.truncate(self.limit);
        Ok(hits.into_iter().map(|ranked| ranked.0).collect())
    }
}

/// Greater is better: the higher score, then the smaller id.
struct Ranked(Scored);

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.score.total_cmp(&other.0.score).then_with(|| other.0.id.cmp(&self.0.id))
    }
}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ranked {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Ranked {}
