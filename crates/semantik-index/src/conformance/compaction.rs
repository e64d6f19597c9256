//! Freeing dead rows while searches and writes go on.

use std::sync::Arc;

use super::site::{Case, Site, chunk, nearest, open, point, words};

pub(super) const CASES: &[Case] = &[
    Case { name: "a small index is left as it is", needs: &[], run: |site| Box::pin(small(site)) },
    Case { name: "compaction frees dead rows under searches and writes", needs: &[], run: |site| Box::pin(busy(site)) },
];

const POINTS: u128 = 16_000;
const KEPT: u128 = 4_000;

async fn small(site: Arc<dyn Site>) {
    let index = open(&*site.start()).await;
    index.upsert(vec![point(1, 1, "word"), point(2, 2, "word")]).await.expect("upsert");
    index.delete_points(&[chunk(1)]).await.expect("delete");
    index.flush().await.expect("flush");
    assert!(!index.compact().await.expect("compact"));
    assert_eq!(words(&*index, "word").await, [2]);
}

async fn busy(site: Arc<dyn Site>) {
    let index = open(&*site.start()).await;
    for first in (1..=POINTS).step_by(4000) {
        index.upsert((first..first + 4000).map(|id| point(id, id, "word")).collect()).await.expect("upsert");
    }
    index.flush().await.expect("flush");
    let gone: Vec<_> = (KEPT + 1..=POINTS).map(chunk).collect();
    index.delete_points(&gone).await.expect("delete");
    index.flush().await.expect("flush");

    let compacting = tokio::spawn({
        let index = Arc::clone(&index);
        async move { index.compact().await }
    });
    let mut added = POINTS;
    loop {
        let done = compacting.is_finished();
        added += 1;
        index.upsert(vec![point(added, added, "fresh")]).await.expect("upsert");
        index.delete_points(&[chunk(added - POINTS)]).await.expect("delete");
        assert_eq!(nearest(&*index, KEPT).await, [KEPT]);
        index.flush().await.expect("flush");
        assert_eq!(nearest(&*index, added).await, [added]);
        if done {
            break;
        }
    }
    assert!(compacting.await.expect("it does not panic").expect("compact"), "there was something to do");

    let writes = added - POINTS;
    let check = async |index: &dyn crate::Index| {
        let stats = index.stats().await.expect("stats");
        assert_eq!((stats.dense_points, stats.lexical_points), (KEPT as u64, KEPT as u64));
        assert!(stats.tombstones <= writes as u64, "{stats:?}");
        assert_eq!(words(index, "fresh").await.len() as u128, writes.min(100));
        let listed = index.points(None, 5000).await.expect("points");
        assert_eq!((listed.len() as u128, listed[0].0), (KEPT, chunk(writes + 1)));
        assert_eq!(nearest(index, KEPT).await, [KEPT]);
    };
    check(&*index).await;
    drop(index);
    check(&*open(&*site.start()).await).await;
}
