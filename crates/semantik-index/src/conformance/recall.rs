//! How near the dense leg comes to an exact search.

use std::collections::HashSet;
use std::sync::Arc;

use super::site::{Case, Random, Site, chunk, document, ids, index_id, unit};
use crate::Point;

pub(super) const CASES: &[Case] =
    &[Case { name: "recall at 10 is at least 0.99", needs: &[], run: |site| Box::pin(recall(site)) }];

const DIMENSIONS: usize = 384;
const POINTS: usize = 20_000;
const QUERIES: usize = 50;

/// Vectors around 100 centres with an uneven spectrum and a common offset, as text embeddings have.
fn vectors(count: usize) -> Vec<Vec<f32>> {
    let mut random = Random(42);
    let spread: Vec<f32> = (0..DIMENSIONS).map(|at| 1.0 / (1.0 + at as f32 / 60.0).sqrt()).collect();
    let mut draw = |scale: f32| -> Vec<f32> {
        let normal = |random: &mut Random| (0..6).map(|_| random.uniform()).sum::<f32>() / 1.41;
        spread.iter().map(|spread| normal(&mut random) * spread * scale).collect()
    };
    let offset = draw(0.3);
    let centres: Vec<Vec<f32>> = (0..100).map(|_| draw(1.0)).collect();
    let near = |at: usize| {
        let own = draw(0.9);
        unit(own.iter().zip(&centres[at % 100]).zip(&offset).map(|((a, b), c)| a + b + c).collect())
    };
    (0..count).map(near).collect()
}

async fn recall(site: Arc<dyn Site>) {
    let index = site.start().open(index_id(), DIMENSIONS).await.expect("the index opens");
    let all = vectors(POINTS + QUERIES);
    let (points, queries) = all.split_at(POINTS);
    let point = |(id, vector): (usize, &Vec<f32>)| Point {
        id: chunk(id as u128),
        document: document(id as u128),
        vector: vector.clone(),
        text: String::new(),
        context: String::new(),
    };
    for (at, batch) in points.chunks(4000).enumerate() {
        let points = batch.iter().enumerate().map(|(id, vector)| point((at * 4000 + id, vector))).collect();
        index.upsert(points).await.expect("upsert");
    }
    index.flush().await.expect("flush");
    let mut found = 0;
    for query in queries {
        let dot = |vector: &Vec<f32>| vector.iter().zip(query).map(|(a, b)| a * b).sum::<f32>();
        let mut exact: Vec<(f32, u128)> = (0..).zip(points).map(|(id, vector)| (dot(vector), id)).collect();
        exact.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
        let exact: HashSet<u128> = exact[..10].iter().map(|(_, id)| *id).collect();
        let hits = index.search_dense(query, 10, &None).await.expect("search");
        found += ids(&hits).into_iter().filter(|id| exact.contains(id)).count();
    }
    let recall = found as f32 / (QUERIES * 10) as f32;
    assert!(recall >= 0.99, "recall at 10 is {recall}");
}
