//! What a case is given, and the points cases are made of.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use semantik_core::id::{ChunkId, DocumentId, IndexId};
use uuid::Uuid;

use crate::{DocumentSet, Index, IndexEngine, Point, Scored};

/// A place where an engine keeps its data; empty at first.
pub trait Site: Send + Sync {
    /// Opens the engine on the data that is there, as a new process would. Everything opened
    /// before has been dropped.
    fn start(&self) -> Arc<dyn IndexEngine>;
}

/// What a case asks of an engine beyond the trait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Writes that were not flushed are lost when the engine is dropped.
    LosesUnflushed,
}

/// One promise of the trait.
pub struct Case {
    pub name: &'static str,
    pub needs: &'static [Need],
    pub run: fn(Arc<dyn Site>) -> Running,
}

pub(super) type Running = Pin<Box<dyn Future<Output = ()> + Send>>;

pub(super) const DIMENSIONS: usize = 32;

pub(super) fn index_id() -> IndexId {
    IndexId(Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001))
}

pub(super) async fn open(engine: &dyn IndexEngine) -> Arc<dyn Index> {
    engine.open(index_id(), DIMENSIONS).await.expect("the index opens")
}

pub(super) fn chunk(number: u128) -> ChunkId {
    ChunkId(Uuid::from_u128(number))
}

pub(super) fn document(number: u128) -> DocumentId {
    DocumentId(Uuid::from_u128(number))
}

pub(super) fn only(documents: &[u128]) -> DocumentSet {
    Some(Arc::new(documents.iter().map(|number| document(*number)).collect()))
}

/// A point with a vector of its own.
pub(super) fn point(id: u128, of: u128, text: &str) -> Point {
    let vector = vector(id, DIMENSIONS);
    Point { id: chunk(id), document: document(of), vector, text: text.into(), context: String::new() }
}

/// The unit vector of a number: the same one at every run.
pub(super) fn vector(seed: u128, dimensions: usize) -> Vec<f32> {
    let mut random = Random(seed as u64);
    unit((0..dimensions).map(|_| random.uniform()).collect())
}

pub(super) fn unit(vector: Vec<f32>) -> Vec<f32> {
    let norm = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    vector.into_iter().map(|value| value / norm).collect()
}

pub(super) fn ids(hits: &[Scored]) -> Vec<u128> {
    hits.iter().map(|hit| hit.id.0.as_u128()).collect()
}

pub(super) async fn words(index: &dyn Index, query: &str) -> Vec<u128> {
    let mut ids = ids(&index.search_lexical(query, 100, &None).await.expect("the search runs"));
    ids.sort_unstable();
    ids
}

pub(super) async fn nearest(index: &dyn Index, id: u128) -> Vec<u128> {
    ids(&index.search_dense(&vector(id, DIMENSIONS), 1, &None).await.expect("the search runs"))
}

/// Splitmix64.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number in -1..1.
    pub(super) fn uniform(&mut self) -> f32 {
        (self.bits() >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    }
}
