//! Vector spaces: what is kept, found, refused, and left after a stop.

use std::path::Path;

use semantik_core::ErrorCode;
use semantik_core::id::{ChunkId, DocumentId};
use semantik_index::Point;
use semantik_store::spaces::SpacePoint;
use serde_json::{Value, json};

use super::doubles::{Doubles, open};
use crate::AppError;
use crate::vecpipe::{SpaceHits, Upserted, Vecpipe};

async fn service(folder: &Path) -> Vecpipe {
    open(folder, Doubles::default()).await
}

async fn upsert(vecpipe: &Vecpipe, body: Value) -> Result<Upserted, AppError> {
    vecpipe.upsert(serde_json::from_value(body).expect("a request")).await
}

async fn search(vecpipe: &Vecpipe, body: Value) -> Result<SpaceHits, AppError> {
    vecpipe.search(serde_json::from_value(body).expect("a query")).await
}

async fn ids(vecpipe: &Vecpipe, body: Value) -> Vec<Value> {
    let hits = search(vecpipe, body).await.expect("hits");
    hits.results.iter().map(|hit| serde_json::to_value(&hit.id).expect("JSON")).collect()
}

fn notes() -> Value {
    json!({ "collection": "notes", "points": [
        { "id": 1, "text": "the harbour master keeps the tide tables", "payload": { "page": 7 } },
        { "id": "1", "text": "sourdough bread rises slowly in a cold kitchen" },
        { "id": 2, "text": "the engine is serviced every ten thousand kilometres" },
    ] })
}

#[tokio::test]
async fn points_are_found_by_meaning_words_and_both_and_outlive_the_service() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let vecpipe = service(folder.path()).await;
    let answer = upsert(&vecpipe, notes()).await.expect("kept");
    assert_eq!((answer.upserted, answer.dimensions, answer.model.as_deref()), (3, 384, Some("mock")));
    drop(vecpipe);
    let vecpipe = service(folder.path()).await;
    for mode in ["dense", "lexical", "hybrid"] {
        let query = json!({ "collection": "notes", "query": "tide tables", "mode": mode, "k": 1 });
        let hits = search(&vecpipe, query).await.expect("hits");
        assert_eq!(serde_json::to_value(&hits.results[0].id).expect("JSON"), json!(1), "{mode}");
        assert_eq!(hits.results[0].payload, Some(json!({ "page": 7 })));
        assert!(hits.results[0].text.starts_with("the harbour"));
    }
    let dense = json!({ "collection": "notes", "query": "tide tables", "score_threshold": 0.3 });
    assert_eq!(ids(&vecpipe, dense).await, [json!(1)]);
    assert_eq!(vecpipe.space_info("notes").await.expect("a space").points, 3);
}

#[tokio::test]
async fn replaced_and_deleted_points_are_found_no_more() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let vecpipe = service(folder.path()).await;
    upsert(&vecpipe, notes()).await.expect("kept");
    let again = json!({ "collection": "notes", "points": [
        { "id": 1, "text": "lost" }, { "id": 1, "text": "the lighthouse keeper moved inland" } ] });
    assert_eq!(upsert(&vecpipe, again).await.expect("kept").upserted, 1, "the later of two counts");
    let words = |word| json!({ "collection": "notes", "query": word, "mode": "lexical" });
    assert!(ids(&vecpipe, words("tide")).await.is_empty());
    assert!(ids(&vecpipe, words("lost")).await.is_empty());
    assert_eq!(ids(&vecpipe, words("lighthouse")).await, [json!(1)]);
    let gone = serde_json::from_value::<Vec<_>>(json!(["1", 9])).expect("ids");
    assert_eq!(vecpipe.delete_points("notes", &gone).await.expect("deleted"), 1);
    assert!(ids(&vecpipe, words("sourdough")).await.is_empty());
    assert_eq!(ids(&vecpipe, json!({ "collection": "notes", "query": "x", "k": 10 })).await.len(), 2);
    vecpipe.remove_space("notes").await.expect("removed");
    assert_eq!(search(&vecpipe, words("tide")).await.expect_err("gone").code(), ErrorCode::NotFound);
    upsert(&vecpipe, notes()).await.expect("made anew");
}

#[tokio::test]
async fn a_stop_between_row_and_vector_leaves_every_point_as_it_was() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let vecpipe = service(folder.path()).await;
    upsert(&vecpipe, notes()).await.expect("kept");
    let space = vecpipe.spaces().get("notes").await.expect("a space");
    // A row without a vector, and a row with one that was never published.
    let row =
        |id: &str| SpacePoint { key: ChunkId::generate(), id: id.into(), text: "tide".into(), payload: String::new() };
    let rows = [row("1"), row("77")];
    space.rows.stage(space.space.index, &rows).await.expect("staged");
    let mut vector = vec![0.0; 384];
    vector[0] = 1.0;
    let (id, document) = (rows[0].key, DocumentId(rows[0].key.0));
    let point = Point { id, document, vector, text: "tide".into(), context: String::new() };
    space.index.upsert(vec![point]).await.expect("indexed");
    space.index.flush().await.expect("durable");
    let words = json!({ "collection": "notes", "query": "tide", "mode": "lexical", "k": 1 });
    assert_eq!(search(&vecpipe, words.clone()).await.expect("hits").results[0].payload, Some(json!({ "page": 7 })));
    drop((space, vecpipe));
    let vecpipe = service(folder.path()).await;
    assert_eq!(search(&vecpipe, words).await.expect("hits").results[0].payload, Some(json!({ "page": 7 })));
    assert_eq!(vecpipe.space_info("notes").await.expect("a space").points, 3);
    let space = vecpipe.spaces().get("notes").await.expect("a space");
    assert!(space.rows.leftovers(space.space.index, 10).await.expect("a list").is_empty());
    assert_eq!(space.index.stats().await.expect("counts").dense_points, 3, "the orphan is gone");
}

#[tokio::test]
async fn vectors_of_another_model_are_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let vecpipe = service(folder.path()).await;
    upsert(&vecpipe, notes()).await.expect("kept");
    let vector = || {
        let mut v = vec![0.0; 384];
        v[0] = 2.0;
        v
    };
    let (text, brought) = (json!([{ "id": 5, "text": "x" }]), json!([{ "id": 5, "vector": vector() }]));
    for body in [
        json!({ "collection": "notes", "points": text, "model": "other" }),
        json!({ "collection": "notes", "points": brought }),
    ] {
        assert_eq!(upsert(&vecpipe, body).await.expect_err("refused").code(), ErrorCode::ModelMismatch);
    }
    let named = json!({ "collection": "notes", "points": brought, "model": "mock" });
    upsert(&vecpipe, named).await.expect("the caller says that they fit");
    let own = json!({ "collection": "own", "points": [{ "id": 1, "vector": [3.0, 4.0] }, { "id": 2, "vector": [4.0, -3.0] }] });
    assert_eq!(upsert(&vecpipe, own).await.expect("kept").model, None);
    let texts = json!({ "collection": "own", "points": text });
    assert_eq!(upsert(&vecpipe, texts).await.expect_err("refused").code(), ErrorCode::ModelMismatch);
    assert_eq!(ids(&vecpipe, json!({ "collection": "own", "vector": [6.0, 8.0], "k": 1 })).await, [json!(1)]);
    let by_text = search(&vecpipe, json!({ "collection": "own", "query": "x" })).await.expect_err("no model");
    assert_eq!(by_text.code(), ErrorCode::InvalidRequest);
}

#[tokio::test]
async fn what_cannot_be_kept_or_found_is_refused_and_leaves_nothing() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let vecpipe = service(folder.path()).await;
    let many: Vec<Value> = (0..4097).map(|id| json!({ "id": id, "vector": [1.0] })).collect();
    for (collection, points) in [
        ("fine", json!([])),
        ("fine", json!(many)),
        ("fine", json!([{ "id": 1 }])),
        ("fine", json!([{ "id": "", "text": "x" }])),
        ("fine", json!([{ "id": 1, "vector": [0.0, 0.0] }])),
        ("fine", json!([{ "id": 1, "vector": [1e39, 0.0] }])),
        ("fine", json!([{ "id": 1, "vector": [] }])),
        ("fine", json!([{ "id": 1, "vector": [1.0] }, { "id": 2, "vector": [1.0, 2.0] }])),
        ("fine", json!([{ "id": 1, "text": "x", "payload": { "big": "x".repeat(70_000) } }])),
        ("../etc", json!([{ "id": 1, "text": "x" }])),
        ("", json!([{ "id": 1, "text": "x" }])),
    ] {
        let error = upsert(&vecpipe, json!({ "collection": collection, "points": points })).await.expect_err("refused");
        assert!(matches!(error.code(), ErrorCode::InvalidRequest | ErrorCode::RequestTooLarge), "{error}");
    }
    assert!(vecpipe.space_infos().await.expect("a list").iter().all(|space| space.points == 0));
    upsert(&vecpipe, notes()).await.expect("kept");
    for (query, code) in [
        (json!({ "collection": "none", "query": "x" }), ErrorCode::NotFound),
        (json!({ "collection": "notes" }), ErrorCode::InvalidRequest),
        (json!({ "collection": "notes", "query": "x", "k": 0 }), ErrorCode::InvalidRequest),
        (json!({ "collection": "notes", "query": "x", "k": 1001 }), ErrorCode::InvalidRequest),
        (json!({ "collection": "notes", "vector": [1.0], "k": 1 }), ErrorCode::InvalidRequest),
        (json!({ "collection": "notes", "vector": [1.0], "mode": "hybrid" }), ErrorCode::InvalidRequest),
    ] {
        let error = search(&vecpipe, query.clone()).await.expect_err("refused");
        assert_eq!(error.code(), code, "{query}: {error}");
    }
}
