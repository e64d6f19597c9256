//! The two legs, over every searched collection.

use std::sync::Arc;
use std::time::Instant;

use semantik_core::collection::Collection;
use semantik_core::id::CollectionId;
use semantik_core::search::{SearchMode, SearchRequest, Timing};
use semantik_index::{DocumentSet, Scored};

use super::milliseconds;
use crate::{App, AppError};

/// A point found, and where.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Found {
    pub(crate) collection: CollectionId,
    pub(crate) point: Scored,
}

/// Both legs, best first. A leg that was not asked is empty.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Legs {
    pub(crate) dense: Vec<Found>,
    pub(crate) lexical: Vec<Found>,
}

impl App {
    pub(super) async fn run_legs(
        &self,
        request: &SearchRequest,
        mode: SearchMode,
        vector: Option<&[f32]>,
        depth: usize,
        collections: &[Collection],
        timing: &mut Timing,
    ) -> Result<Legs, AppError> {
        let mut legs = Legs::default();
        for collection in collections {
            let begun = Instant::now();
            let documents: DocumentSet = if request.filter.is_empty() {
                None
            } else {
                Some(Arc::new(self.store().matching_documents(collection.id, &request.filter).await?))
            };
            timing.filter_ms += milliseconds(begun);
            let (_, row, index) = self.open_index(collection.id).await?;
            if let Some(vector) = vector {
                self.check_model(&row)?;
                let begun = Instant::now();
                let found = index.search_dense(vector, depth, &documents).await?;
                legs.dense.extend(found.into_iter().map(|point| Found { collection: collection.id, point }));
                timing.dense_ms += milliseconds(begun);
            }
            if mode != SearchMode::Dense {
                let begun = Instant::now();
                let found = index.search_lexical(&request.query, depth, &documents).await?;
                legs.lexical.extend(found.into_iter().map(|point| Found { collection: collection.id, point }));
                timing.lexical_ms += milliseconds(begun);
            }
        }
        sort(&mut legs.dense);
        sort(&mut legs.lexical);
        Ok(legs)
    }
}

fn sort(leg: &mut [Found]) {
    leg.sort_by(|a, b| b.point.score.total_cmp(&a.point.score).then_with(|| a.point.id.cmp(&b.point.id)));
}
