//! Adding, replacing, deleting and listing points.

use std::sync::Arc;

use super::site::{Case, DIMENSIONS, Site, chunk, document, index_id, nearest, open, point, vector, words};

pub(super) const CASES: &[Case] = &[
    Case { name: "a flushed point is found by both legs", needs: &[], run: |site| Box::pin(found(site)) },
    Case { name: "upserting a point again replaces it", needs: &[], run: |site| Box::pin(replaced(site)) },
    Case { name: "the last of equal ids in a batch wins", needs: &[], run: |site| Box::pin(twice(site)) },
    Case { name: "a deleted point is gone at once", needs: &[], run: |site| Box::pin(deleted(site)) },
    Case {
        name: "a deleted document takes all its points along",
        needs: &[],
        run: |site| Box::pin(document_gone(site)),
    },
    Case { name: "a point deleted and added again is back after flush", needs: &[], run: |site| Box::pin(back(site)) },
    Case { name: "points are listed page by page in order", needs: &[], run: |site| Box::pin(paged(site)) },
    Case { name: "a removed generation is empty when opened again", needs: &[], run: |site| Box::pin(removed(site)) },
];

async fn found(site: Arc<dyn Site>) {
    let index = open(&*site.start()).await;
    index.upsert(vec![point(1, 10, "red apples"), point(2, 10, "green pears")]).await.expect("upsert");
    index.flush().await.expect("flush");
    assert_eq!(words(&*index, "apple").await, [1]);
    let hits = index.search_dense(&vector(2, DIMENSIONS), 2, &None).await.expect("search");
    assert_eq!((hits[0].id, hits[0].document), (chunk(2), document(10)));
    assert!((hits[0].score - 1.0).abs() < 0.01, "a vector is near itself: {}", hits[0].score);
    let stats = index.stats().await.expect("stats");
    assert_eq!((stats.dense_points, stats.lexical_points), (2, 2));
}

async fn replaced(site: Arc<dyn Site>) {
    let index = open(&*site.start()).await;
    index.upsert(vec![point(1, 10, "old words"), point(2, 10, "other")]).await.expect("upsert");
    index.flush().await.expect("flush");
    let fresh = || super::site::point(1, 11, "new speech");
    index.upsert(vec![crate::Point { vector: vector(99, DIMENSIONS), ..fresh() }]).await.expect("upsert");
    assert_eq!(nearest(&*index, 1).await, [1], "what is replaced is found until the flush");
    index.upsert(vec![crate::Point { vector: vector(98, DIMENSIONS), ..fresh() }]).await.expect("upsert");
    index.flush().await.expect("flush");
    assert_eq!(words(&*index, "old").await, [0; 0]);
    assert_eq!(words(&*index, "speech").await, [1]);
    let hits = index.search_dense(&vector(98, DIMENSIONS), 5, &None).await.expect("search");
    assert_eq!((hits.len(), hits[0].id, hits[0].document), (2, chunk(1), document(11)));
    let stats = index.stats().await.expect("stats");
    assert_eq!((stats.dense_points, stats.lexical_points), (2, 2));
}

async fn twice(site: Arc<dyn Site>) {
    let index = open(&*site.start()).await;
    index.upsert(vec![point(1, 10, "first"), point(1, 10, "second")]).await.expect("upsert");
    index.flush().await.expect("flush");
    assert_eq!(words(&*index, "first second").await, [1]);
    assert_eq!(words(&*index, "first").await, [0; 0]);
    assert_eq!(index.points(None, 10).await.expect("points"), [(chunk(1), document(10))]);
}

async fn deleted(site: Arc<dyn Site>) {
    let index = open(&*site.start()).await;
    index.upsert(vec![point(1, 10, "word"), point(2, 10, "word"), point(3, 10, "word")]).await.expect("upsert");
    index.flush().await.expect("flush");
    // A replaced point must not come back through its old row either.
    index.upsert(vec![point(2, 10, "word")]).await.expect("upsert");
    index.delete_points(&[chunk(1), chunk(2), chunk(77)]).await.expect("delete");
    for _ in 0..2 {
        assert_eq!(words(&*index, "word").await, [3]);
        assert_eq!(nearest(&*index, 1).await, [3]);
        assert_eq!(nearest(&*index, 2).await, [3]);
        index.flush().await.expect("flush");
    }
    let stats = index.stats().await.expect("stats");
    assert_eq!((stats.dense_points, stats.lexical_points), (1, 1));
}

async fn document_gone(site: Arc<dyn Site>) {
    let index = open(&*site.start()).await;
    index.upsert(vec![point(1, 10, "word"), point(2, 20, "word"), point(3, 10, "word")]).await.expect("upsert");
    index.flush().await.expect("flush");
    index.upsert(vec![point(4, 10, "word")]).await.expect("upsert");
    index.delete_documents(&[document(10), document(30)]).await.expect("delete");
    for _ in 0..2 {
        assert_eq!(words(&*index, "word").await, [2]);
        assert_eq!(nearest(&*index, 1).await, [2]);
        index.flush().await.expect("flush");
    }
    assert_eq!(index.points(None, 10).await.expect("points"), [(chunk(2), document(20))]);
}

async fn back(site: Arc<dyn Site>) {
    let index = open(&*site.start()).await;
    index.upsert(vec![point(1, 10, "word")]).await.expect("upsert");
    index.flush().await.expect("flush");
    index.delete_documents(&[document(10)]).await.expect("delete");
    index.upsert(vec![point(1, 10, "word")]).await.expect("upsert");
    index.flush().await.expect("flush");
    assert_eq!((words(&*index, "word").await, nearest(&*index, 1).await), (vec![1], vec![1]));
}

async fn paged(site: Arc<dyn Site>) {
    let index = open(&*site.start()).await;
    let order = [5, 3, 9, 1, 7, 2, 8];
    index.upsert(order.iter().map(|id| point(*id, 100 + id, "word")).collect()).await.expect("upsert");
    index.delete_points(&[chunk(7)]).await.expect("delete");
    index.flush().await.expect("flush");
    let (mut after, mut listed) = (None, Vec::new());
    loop {
        let page = index.points(after, 2).await.expect("points");
        let Some((last, _)) = page.last() else { break };
        after = Some(*last);
        listed.extend(page);
    }
    assert_eq!(listed, [1, 2, 3, 5, 8, 9].map(|id| (chunk(id), document(100 + id))));
}

async fn removed(site: Arc<dyn Site>) {
    let engine = site.start();
    let index = open(&*engine).await;
    index.upsert(vec![point(1, 10, "word")]).await.expect("upsert");
    index.flush().await.expect("flush");
    assert_eq!(engine.list().await.expect("list"), [index_id()]);
    engine.remove(index_id()).await.expect("remove");
    engine.remove(index_id()).await.expect("removing nothing is fine");
    assert_eq!(engine.list().await.expect("list"), []);
    assert!(index.flush().await.is_err() || index.stats().await.is_err(), "what was removed does not work on");
    let index = open(&*engine).await;
    assert_eq!(words(&*index, "word").await, [0; 0]);
    assert_eq!(index.points(None, 10).await.expect("points"), []);
}
