//! What is there after the engine was dropped and started again.

use std::sync::Arc;

use super::site::{Case, Need, Site, chunk, document, nearest, open, point, words};

pub(super) const CASES: &[Case] = &[
    Case { name: "what was flushed is there after a restart", needs: &[], run: |site| Box::pin(flushed(site)) },
    Case {
        name: "what was not flushed is wholly gone after a restart",
        needs: &[Need::LosesUnflushed],
        run: |site| Box::pin(unflushed(site)),
    },
    Case { name: "an idle index works on", needs: &[], run: |site| Box::pin(idle(site)) },
    Case { name: "repeated opens share one index", needs: &[], run: |site| Box::pin(shared(site)) },
];

async fn flushed(site: Arc<dyn Site>) {
    for round in 1..=3u128 {
        let index = open(&*site.start()).await;
        index.upsert(vec![point(round, round, "word"), point(100, 100, "again")]).await.expect("upsert");
        index.upsert(vec![point(50 + round, 50, "short")]).await.expect("upsert");
        index.flush().await.expect("flush");
        index.delete_documents(&[document(50)]).await.expect("delete");
        index.flush().await.expect("flush");
    }
    let index = open(&*site.start()).await;
    assert_eq!(words(&*index, "word").await, [1, 2, 3]);
    assert_eq!(words(&*index, "short").await, [0; 0]);
    assert_eq!(nearest(&*index, 2).await, [2]);
    let ids: Vec<_> = index.points(None, 100).await.expect("points").into_iter().map(|(id, _)| id).collect();
    assert_eq!(ids, [1, 2, 3, 100].map(chunk));
    let stats = index.stats().await.expect("stats");
    assert_eq!((stats.dense_points, stats.lexical_points), (4, 4));
}

async fn unflushed(site: Arc<dyn Site>) {
    let index = open(&*site.start()).await;
    index.upsert(vec![point(1, 1, "kept"), point(2, 2, "kept")]).await.expect("upsert");
    index.flush().await.expect("flush");
    index.upsert(vec![point(3, 3, "lost"), point(1, 9, "lost")]).await.expect("upsert");
    index.delete_points(&[chunk(2)]).await.expect("delete");
    drop(index);
    let index = open(&*site.start()).await;
    assert_eq!(words(&*index, "kept").await, [1, 2]);
    assert_eq!(words(&*index, "lost").await, [0; 0]);
    let expect = [(chunk(1), document(1)), (chunk(2), document(2))];
    assert_eq!(index.points(None, 10).await.expect("points"), expect);
    assert_eq!(nearest(&*index, 2).await, [2]);
    index.upsert(vec![point(3, 3, "lost")]).await.expect("upsert");
    index.flush().await.expect("flush");
    assert_eq!(words(&*index, "kept lost").await, [1, 2, 3]);
}

async fn idle(site: Arc<dyn Site>) {
    let index = open(&*site.start()).await;
    index.idle().await.expect("idle");
    index.upsert(vec![point(1, 1, "word")]).await.expect("upsert");
    index.idle().await.expect("idle");
    index.upsert(vec![point(2, 2, "word")]).await.expect("upsert");
    index.flush().await.expect("flush");
    index.idle().await.expect("idle");
    assert_eq!(words(&*index, "word").await, [1, 2]);
}

async fn shared(site: Arc<dyn Site>) {
    let engine = site.start();
    let (one, other) = (open(&*engine).await, open(&*engine).await);
    one.upsert(vec![point(1, 1, "word")]).await.expect("upsert");
    other.flush().await.expect("flush");
    assert_eq!(words(&*one, "word").await, [1]);
}
