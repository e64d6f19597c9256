//! Reading vectors back.

use std::sync::Arc;

use super::site::{Case, DIMENSIONS, Site, chunk, open, point, vector};
use crate::Point;

pub(super) const CASES: &[Case] = &[
    Case { name: "vectors come back in order and nearly as they were", needs: &[], run: |site| Box::pin(read(site)) },
    Case { name: "a vector read back can be stored again unchanged", needs: &[], run: |site| Box::pin(round(site)) },
];

async fn read(site: Arc<dyn Site>) {
    let index = open(&*site.start()).await;
    index.upsert((1..=9).map(|id| point(id, 1, "")).collect()).await.expect("upsert");
    index.flush().await.expect("flush");
    index.upsert(vec![point(10, 1, "")]).await.expect("upsert");
    let found = index.vectors(&[chunk(7), chunk(99), chunk(2), chunk(10)]).await.expect("vectors");
    assert!(found[1].is_none());
    for (id, found) in [(7, &found[0]), (2, &found[2]), (10, &found[3])] {
        let found = found.as_ref().expect("the point is there");
        let cosine: f32 = found.iter().zip(vector(id, DIMENSIONS)).map(|(a, b)| a * b).sum();
        assert!((cosine - 1.0).abs() < 0.01, "point {id}: {cosine}");
    }
}

async fn round(site: Arc<dyn Site>) {
    let index = open(&*site.start()).await;
    let ids: Vec<_> = (1..=50).map(chunk).collect();
    index.upsert((1..=50).map(|id| point(id, 1, "")).collect()).await.expect("upsert");
    index.flush().await.expect("flush");
    let before = index.vectors(&ids).await.expect("vectors");
    let again = (1..=50)
        .zip(&before)
        .map(|(id, vector)| Point { vector: vector.clone().expect("the point is there"), ..point(id, 1, "") });
    index.upsert(again.collect()).await.expect("upsert");
    index.flush().await.expect("flush");
    assert_eq!(index.vectors(&ids).await.expect("vectors"), before);
}
