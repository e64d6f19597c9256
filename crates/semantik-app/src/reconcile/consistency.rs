//! Comparing chunk rows with index points, both ways, in one merge over both ordered lists.

use semantik_core::id::{ChunkId, CollectionId};
use semantik_store::ChunkRef;

use crate::{App, AppError};

const PAGE: usize = 10_000;

/// What rows and points disagree about.
#[derive(Debug, Default)]
pub(crate) struct Difference {
    pub(crate) rows: u64,
    pub(crate) points: u64,
    /// Rows that say they are indexed, or should be, without a point.
    pub(crate) missing: Vec<ChunkRef>,
    /// Rows not marked as indexed yet.
    pub(crate) unindexed: u64,
    /// Points without a row.
    pub(crate) orphans: Vec<ChunkId>,
}

/// Compares one collection's rows with its points.
pub(crate) async fn compare(app: &App, collection: CollectionId) -> Result<Difference, AppError> {
    let (dataset, _, index) = app.open_index(collection).await?;
    let mut difference = Difference::default();
    let mut points = Vec::new();
    let mut after = None;
    loop {
        let page = index.points(after, PAGE).await?;
        after = page.last().map(|(id, _)| *id);
        let last = page.len() < PAGE;
        points.extend(page.into_iter().map(|(id, _)| id));
        if last {
            break;
        }
    }
    difference.points = points.len() as u64;
    let mut points = points.into_iter().peekable();
    let mut after = None;
    loop {
        let page = app.store().chunk_refs(dataset.id, after, PAGE).await?;
        for row in &page {
            while let Some(orphan) = points.next_if(|&id| id < row.id) {
                difference.orphans.push(orphan);
            }
            difference.rows += 1;
            difference.unindexed += u64::from(!row.indexed);
            if points.next_if(|&id| id == row.id).is_none() || !row.indexed {
                difference.missing.push(*row);
            }
        }
        after = page.last().map(|row| row.id);
        if page.len() < PAGE {
            break;
        }
    }
    difference.orphans.extend(points);
    Ok(difference)
}
