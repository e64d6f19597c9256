//! Vector spaces over HTTP.

use axum::http::StatusCode;
use serde_json::json;

use super::service::Service;

#[tokio::test]
async fn a_collection_is_filled_searched_and_removed() {
    let service = Service::new().await;
    let points = json!({ "collection": "notes", "points": [
        { "id": 1, "text": "the tide tables of the harbour", "payload": { "page": 7 } },
        { "id": "two", "text": "sourdough bread" } ] });
    let made = service.post("/upsert", points).await;
    assert_eq!(made.json()["upserted"], 2, "{}", made.body);
    let query = json!({ "collection": "notes", "query": "tide tables", "k": 1 });
    let found = service.post("/search", query.clone()).await.json();
    assert_eq!((&found["results"][0]["id"], &found["results"][0]["payload"]), (&json!(1), &json!({ "page": 7 })));
    let batch = json!({ "queries": [query, { "collection": "notes", "query": "bread", "mode": "lexical" }] });
    let answers = service.post("/search/batch", batch).await.json();
    assert_eq!(answers["answers"][1]["results"][0]["id"], "two");
    let many = json!({ "queries": vec![query.clone(); 101] });
    service.post("/search/batch", many).await.assert_problem(413, "request_too_large");
    assert_eq!(service.get("/collection/info?collection=notes").await.json()["collections"][0]["points"], 2);
    assert_eq!(service.post("/collection/info", json!({ "collection": "notes" })).await.json()["model"], "mock");
    let deleted = service.post("/delete", json!({ "collection": "notes", "ids": ["two", 3] })).await;
    assert_eq!(deleted.json()["deleted"], 1, "{}", deleted.body);
    let removed = service.post("/collection/delete", json!({ "collection": "notes" })).await;
    assert_eq!(removed.status, StatusCode::NO_CONTENT);
    service.post("/search", query).await.assert_problem(404, "not_found");
    let nan = "{\"collection\": \"n\", \"points\": [{\"id\": 1, \"vector\": [NaN]}]}";
    service.post_bytes("/upsert", nan).await.assert_problem(400, "invalid_request");
}
