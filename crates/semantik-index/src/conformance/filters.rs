//! Searches in a set of documents.

use std::sync::Arc;

use super::site::{Case, DIMENSIONS, Site, document, ids, only, open, point, vector};

pub(super) const CASES: &[Case] = &[
    Case { name: "a search stays within its documents", needs: &[], run: |site| Box::pin(within(site)) },
    Case { name: "a large set of documents is kept to exactly", needs: &[], run: |site| Box::pin(large(site)) },
];

async fn within(site: Arc<dyn Site>) {
    let index = open(&*site.start()).await;
    index.upsert((1..=20).map(|id| point(id, id % 4, "word")).collect()).await.expect("upsert");
    index.flush().await.expect("flush");
    for (set, expect) in [(only(&[1]), 5), (only(&[1, 2, 99]), 10), (only(&[]), 0), (only(&[99]), 0), (None, 20)] {
        let dense = index.search_dense(&vector(4, DIMENSIONS), 50, &set).await.expect("search");
        let lexical = index.search_lexical("word", 50, &set).await.expect("search");
        assert_eq!((dense.len(), lexical.len()), (expect, expect));
        let allowed = |hit: &crate::Scored| set.as_ref().is_none_or(|set| set.contains(&hit.document));
        assert!(dense.iter().chain(&lexical).all(allowed));
    }
    let best = index.search_dense(&vector(4, DIMENSIONS), 1, &only(&[1, 2])).await.expect("search");
    assert_ne!(ids(&best), [4], "the nearest point is not in the set");
    let ties = index.search_lexical("word", 3, &only(&[3])).await.expect("search");
    assert_eq!(ids(&ties), [3, 7, 11], "equal scores are ordered by id");
}

async fn large(site: Arc<dyn Site>) {
    let index = open(&*site.start()).await;
    for batch in 0..4 {
        let points = (0..4000u128).map(|id| point(batch * 4000 + id + 1, batch * 4000 + id, "word")).collect();
        index.upsert(points).await.expect("upsert");
    }
    index.flush().await.expect("flush");
    let set = Some(Arc::new((0..16_000u128).filter(|number| number % 3 == 0).map(document).collect()));
    let dense = index.search_dense(&vector(4, DIMENSIONS), 1000, &set).await.expect("search");
    let lexical = index.search_lexical("word", 1000, &set).await.expect("search");
    assert_eq!((dense.len(), lexical.len()), (1000, 1000));
    assert!(dense.iter().chain(&lexical).all(|hit| hit.document.0.as_u128() % 3 == 0));
    assert_eq!(ids(&dense)[0], 4);
}
