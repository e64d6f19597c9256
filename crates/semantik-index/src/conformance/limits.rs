//! Requests that are refused, and the index they leave alone.

use std::sync::Arc;

use semantik_core::ErrorCode;

use super::site::{Case, DIMENSIONS, Site, index_id, open, point, vector, words};
use crate::{IndexError, Point};

pub(super) const CASES: &[Case] = &[
    Case { name: "other dimensions are a mismatch", needs: &[], run: |site| Box::pin(dimensions(site)) },
    Case { name: "requests past the limits are refused", needs: &[], run: |site| Box::pin(limits(site)) },
];

async fn dimensions(site: Arc<dyn Site>) {
    let engine = site.start();
    let index = open(&*engine).await;
    let refused = engine.open(index_id(), DIMENSIONS + 1).await.err().expect("it is refused");
    assert!(matches!(refused, IndexError::Mismatch { .. }));
    assert_eq!(refused.code(), ErrorCode::ModelMismatch);
    let wide = Point { vector: vector(1, DIMENSIONS + 1), ..point(1, 1, "word") };
    assert!(matches!(index.upsert(vec![wide]).await, Err(IndexError::Mismatch { .. })));
    assert!(matches!(index.search_dense(&[1.0], 1, &None).await, Err(IndexError::Mismatch { .. })));
    drop((index, engine));
    let refused = site.start().open(index_id(), DIMENSIONS + 1).await.err().expect("it is refused");
    assert!(matches!(refused, IndexError::Mismatch { .. }));
}

async fn limits(site: Arc<dyn Site>) {
    let index = open(&*site.start()).await;
    let many = (1..=4097).map(|id| point(id, 1, "word")).collect();
    assert!(matches!(index.upsert(many).await, Err(IndexError::Invalid(_))));
    let broken = Point { vector: vec![f32::NAN; DIMENSIONS], ..point(1, 1, "word") };
    assert!(matches!(index.upsert(vec![broken]).await, Err(IndexError::Invalid(_))));
    let query = vector(1, DIMENSIONS);
    assert!(matches!(index.search_dense(&query, 4097, &None).await, Err(IndexError::Invalid(_))));
    assert!(matches!(index.search_lexical("word", 4097, &None).await, Err(IndexError::Invalid(_))));
    assert_eq!(index.search_dense(&query, 0, &None).await.expect("search"), []);
    assert_eq!(index.search_lexical("word", 0, &None).await.expect("search"), []);
    index.upsert(Vec::new()).await.expect("nothing is fine");
    index.delete_points(&[]).await.expect("nothing is fine");
    index.flush().await.expect("flush");
    assert_eq!(words(&*index, "word").await, [0; 0]);
}
