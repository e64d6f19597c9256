//! What a lexical query may hold: words, phrases, prefixes, identifiers, anything.

use std::sync::Arc;

use super::site::{Case, Site, ids, open, point, words};
use crate::{Index, Point};

pub(super) const CASES: &[Case] = &[
    Case { name: "words match in any form", needs: &[], run: |site| Box::pin(forms(site)) },
    Case { name: "quoted phrases match as phrases", needs: &[], run: |site| Box::pin(phrases(site)) },
    Case { name: "a star matches the beginnings of words", needs: &[], run: |site| Box::pin(prefixes(site)) },
    Case { name: "identifiers are found and come first", needs: &[], run: |site| Box::pin(identifiers(site)) },
    Case { name: "no text is a syntax error", needs: &[], run: |site| Box::pin(anything(site)) },
    Case { name: "the context is searched but weighs less", needs: &[], run: |site| Box::pin(context(site)) },
    Case { name: "the words of a query are marked in a passage", needs: &[], run: |site| Box::pin(marked(site)) },
];

async fn filled(site: &dyn Site, texts: &[&str]) -> Arc<dyn Index> {
    let index = open(&*site.start()).await;
    let points = (1..).zip(texts).map(|(id, text)| point(id, id, text)).collect();
    index.upsert(points).await.expect("upsert");
    index.flush().await.expect("flush");
    index
}

async fn forms(site: Arc<dyn Site>) {
    let texts = ["The wings were flapping", "A café in Zürich", "数据库系统", "to be or not to be"];
    let index = filled(&*site, &texts).await;
    assert_eq!(words(&*index, "wing").await, [1]);
    assert_eq!(words(&*index, "FLAP the").await, [1]);
    assert_eq!(words(&*index, "cafe zurich").await, [2]);
    assert_eq!(words(&*index, "数据").await, [3]);
    assert_eq!(words(&*index, "to be").await, [4], "a query of common words alone is searched for them");
}

async fn phrases(site: Arc<dyn Site>) {
    let index = filled(&*site, &["the state of the art", "art of the state", "state art"]).await;
    assert_eq!(words(&*index, "\"state of the art\"").await, [1]);
    assert_eq!(words(&*index, "\"of the state\" art").await, [2]);
    assert_eq!(words(&*index, "\"state art\"").await, [3]);
    assert_eq!(words(&*index, "\"art nouveau\" state").await, [0; 0]);
    assert_eq!(words(&*index, "state art").await, [1, 2, 3]);
    assert_eq!(words(&*index, "\"art").await, [1, 2, 3], "an open quote quotes nothing");
}

async fn prefixes(site: Arc<dyn Site>) {
    let index = filled(&*site, &["computing machines", "a computer", "commutes", "nothing"]).await;
    assert_eq!(words(&*index, "comput*").await, [1, 2]);
    assert_eq!(words(&*index, "computing*").await, [1]);
    assert_eq!(words(&*index, "com* nothing").await, [1, 2, 3, 4]);
    assert_eq!(words(&*index, "* ** x*").await, [0; 0]);
    let many: Vec<String> = (0..200).map(|number| format!("term{number}")).collect();
    index.upsert((10..).zip(&many).map(|(id, text)| point(id, id, text)).collect()).await.expect("upsert");
    index.flush().await.expect("flush");
    let hits = index.search_lexical("term*", 1000, &None).await.expect("search");
    assert_eq!(hits.len(), 200, "a prefix of many words matches all of them");
}

async fn identifiers(site: Arc<dyn Site>) {
    let texts = [
        "foo is not bar",
        "call foo_bar(1)",
        "let x = getUserName();",
        "error E0502 again",
        "since 1.2.3",
        "3 2 1",
        "C++ code",
        "c code",
    ];
    let index = filled(&*site, &texts).await;
    let first = |query: &'static str| {
        let index = Arc::clone(&index);
        async move { ids(&index.search_lexical(query, 1, &None).await.expect("search")) }
    };
    assert_eq!(first("foo_bar").await, [2]);
    assert_eq!(first("getUserName").await, [3]);
    assert_eq!(first("what is E0502").await, [4]);
    assert_eq!(first("version 1.2.3").await, [5]);
    assert_eq!(first("c++").await, [7]);
}

async fn anything(site: Arc<dyn Site>) {
    let index = filled(&*site, &["some words"]).await;
    for query in ["", " ", "\"", "\"\"", "*", "AND OR NOT", "(", "a:b", "+-!", "[x TO y]", "\\", "~2 ^3", "\u{0}", "🙂"]
    {
        index.search_lexical(query, 10, &None).await.expect("any text is a query");
        index.highlight(query, "some words 🙂 \u{0}");
    }
    assert_eq!(words(&*index, "title:words").await, [1]);
    assert_eq!(words(&*index, "?!").await, [0; 0]);
    assert_eq!(words(&*index, &"words ".repeat(5000)).await, [1]);
}

async fn context(site: Arc<dyn Site>) {
    let index = open(&*site.start()).await;
    let titled = Point { context: "Turbines".into(), ..point(1, 1, "They spin fast") };
    index.upsert(vec![titled, point(2, 2, "Turbines spin fast")]).await.expect("upsert");
    index.flush().await.expect("flush");
    let hits = index.search_lexical("turbine", 10, &None).await.expect("search");
    assert_eq!(ids(&hits), [2, 1]);
    assert_eq!(words(&*index, "\"turbines\" spin").await, [1, 2]);
}

async fn marked(site: Arc<dyn Site>) {
    let index = filled(&*site, &["x"]).await;
    let text = "Wings of a café: flapping wings";
    let spans = index.highlight("wing cafe \"flapping wings\"", text);
    let marked: Vec<&str> = spans.into_iter().map(|span| &text[span]).collect();
    assert_eq!(marked, ["Wings", "café", "flapping wings"]);
}
