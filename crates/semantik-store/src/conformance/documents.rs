//! Documents, their chunks, their members and how they are found.

use std::collections::HashSet;

use semantik_core::document::{DocumentStatus, Reason, SkipReason};
use semantik_core::id::DocumentId;
use semantik_core::search::Filter;

use super::bench::{Bench, extracted};
use super::{Need, Outcome};
use crate::{Commit, DocumentChange, DocumentFilter, ReplaceChunks, StoreError};

pub(super) const NEEDS: &[Need] = &[];

fn replace(b: &Bench, document: DocumentId, texts: &[&str]) -> ReplaceChunks {
    let chunks = (0..).zip(texts).map(|(n, text)| b.chunk(document, n, text)).collect();
    ReplaceChunks { document, dataset: b.dataset, chunks }
}

pub(super) async fn a_document_completes_with_its_last_indexed_chunk(b: Bench) -> Outcome {
    let (id, empty) = (b.document("x").await?, b.document("empty").await?);
    let replace_chunks = vec![replace(&b, id, &["one", "two"])];
    let documents = vec![extracted(id, "text/plain"), extracted(empty, "text/plain")];
    b.store.commit(Commit { documents, replace_chunks, ..Default::default() }).await?;
    assert_eq!(b.store.document(id).await?.status, DocumentStatus::Processing);
    assert_eq!(b.store.document(empty).await?.status, DocumentStatus::Completed);
    let ids = b.store.chunk_ids_of(id).await?;
    b.store.commit(Commit { indexed: vec![ids[0]], ..Default::default() }).await?;
    assert_eq!(b.store.document(id).await?.status, DocumentStatus::Processing);
    b.store.commit(Commit { indexed: ids.clone(), ..Default::default() }).await?;
    let found = b.store.document(id).await?;
    assert_eq!((found.status, found.chunk_count), (DocumentStatus::Completed, 2));
    b.store.commit(Commit { unindexed: vec![ids[1]], ..Default::default() }).await?;
    assert_eq!(b.store.document(id).await?.status, DocumentStatus::Processing);
    b.store.commit(Commit { indexed: vec![ids[1]], ..Default::default() }).await?;
    assert_eq!(b.store.document(id).await?.status, DocumentStatus::Completed);
    assert_eq!(b.store.chunk_refs(b.dataset, None, 10).await?.len(), 2);
    assert_eq!(b.store.chunks_of(id, 1, 10).await?[0].text, "two");
    let backwards = [ids[1], ids[0]];
    assert_eq!(b.store.chunks_by_id(&backwards).await?.iter().map(|c| c.id).collect::<Vec<_>>(), backwards);
    Ok(())
}

pub(super) async fn an_ended_document_loses_its_chunks(b: Bench) -> Outcome {
    let id = b.document("x").await?;
    let replace_chunks = vec![replace(&b, id, &["one"])];
    b.store.commit(Commit { documents: vec![extracted(id, "a/b")], replace_chunks, ..Default::default() }).await?;
    let reason = Reason::Skipped { policy: SkipReason::Empty, message: "empty".into() };
    let ended = DocumentChange::Ended { id, reason: reason.clone(), mime: None, content_hash: Some("new".into()) };
    b.store.commit(Commit { documents: vec![ended], ..Default::default() }).await?;
    let found = b.store.document(id).await?;
    assert_eq!((found.status, found.reason, found.chunk_count), (DocumentStatus::Skipped, Some(reason), 0));
    assert_eq!((found.mime.as_deref(), found.content_hash.as_deref()), (Some("a/b"), Some("new")));
    let reopened = DocumentChange::Reopened { id, size: 11, modified_at: None };
    b.store.commit(Commit { documents: vec![reopened], ..Default::default() }).await?;
    let found = b.store.document(id).await?;
    assert_eq!((found.status, found.reason, found.size), (DocumentStatus::Pending, None, 11));
    Ok(())
}

pub(super) async fn unchanged_chunks_stay_indexed(b: Bench) -> Outcome {
    let id = b.document("x").await?;
    let replace_chunks = vec![replace(&b, id, &["one", "two"])];
    b.store.commit(Commit { replace_chunks, ..Default::default() }).await?;
    let indexed = b.store.chunk_ids_of(id).await?;
    b.store.commit(Commit { indexed, ..Default::default() }).await?;
    let replace_chunks = vec![replace(&b, id, &["one", "other \u{1F980} \"q\" \\n", "a\0b"])];
    b.store.commit(Commit { replace_chunks, ..Default::default() }).await?;
    let found: Vec<(String, bool)> =
        b.store.chunks_of(id, 0, 10).await?.into_iter().map(|c| (c.text, c.indexed)).collect();
    assert_eq!(found, [("one".into(), true), ("other \u{1F980} \"q\" \\n".into(), false), ("a\0b".into(), false)]);
    Ok(())
}

pub(super) async fn a_rename_and_a_removal_take_members_along(b: Bench) -> Outcome {
    let zip = b.document("a/é.zip").await?;
    let mut member = b.new_document("a/é.zip!/in.zip");
    member.parent = Some(zip);
    let mut inner = b.new_document("a/é.zip!/in.zip!/x.txt");
    inner.parent = Some(member.id);
    let (member_id, inner_id) = (member.id, inner.id);
    let decoy = b.document("a/é.zipper").await?;
    b.store.commit(Commit { new_documents: vec![member, inner], ..Default::default() }).await?;
    let renamed = DocumentChange::Renamed { id: zip, uri: "b.zip".into(), name: "b.zip".into(), modified_at: Some(9) };
    b.store.commit(Commit { documents: vec![renamed], ..Default::default() }).await?;
    assert_eq!(b.store.document(inner_id).await?.uri, "b.zip!/in.zip!/x.txt");
    assert_eq!(b.store.document(decoy).await?.uri, "a/é.zipper");
    assert_eq!(b.store.children(zip).await?.len(), 1);
    b.store.commit(Commit { documents: vec![DocumentChange::Deleting(zip)], ..Default::default() }).await?;
    for id in [zip, member_id, inner_id] {
        assert_eq!(b.store.document(id).await?.status, DocumentStatus::Deleting);
    }
    b.store.commit(Commit { documents: vec![DocumentChange::Processing(member_id)], ..Default::default() }).await?;
    assert_eq!(b.store.document(member_id).await?.status, DocumentStatus::Deleting, "it is not brought back");
    b.store.commit(Commit { documents: vec![DocumentChange::Removed(zip)], ..Default::default() }).await?;
    assert!(matches!(b.store.document(inner_id).await, Err(StoreError::NotFound { .. })));
    assert!(b.store.remove_source(b.source).await.is_err(), "a document is left");
    Ok(())
}

pub(super) async fn filters_find_what_they_say(b: Bench) -> Outcome {
    let mut ids = Vec::new();
    for (uri, mime, modified, tags) in [
        ("docs/a", "text/plain", 10, vec!["x", "y"]),
        ("docs/b", "text/html", 20, vec!["x"]),
        ("other/c", "application/pdf", 30, vec![]),
    ] {
        let mut document = b.new_document(uri);
        document.tags = tags.into_iter().map(String::from).collect();
        let id = document.id;
        let DocumentChange::Extracted { content_hash, size, title, language, pages, .. } = extracted(id, mime) else {
            continue;
        };
        let change = DocumentChange::Extracted {
            id,
            content_hash,
            size,
            modified_at: Some(modified),
            mime: mime.into(),
            title,
            language,
            pages,
        };
        b.store.commit(Commit { new_documents: vec![document], documents: vec![change], ..Default::default() }).await?;
        ids.push(id);
    }
    b.document("docs/pending").await?;
    let none = Filter::default;
    for (filter, expect) in [
        (none(), vec![0, 1, 2]),
        (Filter { path_prefix: Some("docs/".into()), ..none() }, vec![0, 1]),
        (Filter { mime: vec!["text/*".into()], ..none() }, vec![0, 1]),
        (Filter { mime: vec!["text/html".into(), "application/pdf".into()], ..none() }, vec![1, 2]),
        (Filter { modified_after: Some(20), ..none() }, vec![1, 2]),
        (Filter { modified_before: Some(20), ..none() }, vec![0]),
        (Filter { tags: vec!["x".into()], ..none() }, vec![0, 1]),
        (Filter { tags: vec!["x".into(), "y".into()], ..none() }, vec![0]),
        (Filter { documents: vec![ids[2]], path_prefix: Some("o".into()), ..none() }, vec![2]),
        (Filter { documents: vec![ids[2]], path_prefix: Some("d".into()), ..none() }, vec![]),
    ] {
        let expect: HashSet<DocumentId> = expect.into_iter().map(|n: usize| ids[n]).collect();
        assert_eq!(b.store.matching_documents(b.collection, &filter).await?, expect, "{filter:?}");
    }
    assert_eq!(b.store.documents_by_hash(b.source, "hash").await?.len(), 3);
    let uris = ["docs/a".to_owned(), "docs/nowhere".to_owned()];
    assert_eq!(b.store.documents_by_uri(b.source, &uris).await?.len(), 1);
    Ok(())
}

pub(super) async fn pages_of_documents_meet_without_gaps(b: Bench) -> Outcome {
    let new_documents: Vec<_> = (0..25).map(|n| b.new_document(&format!("d/{n}"))).collect();
    let expect: HashSet<_> = new_documents.iter().map(|d| d.id).collect();
    b.store.commit(Commit { new_documents: new_documents.clone(), ..Default::default() }).await?;
    let again = b.new_document(&new_documents[0].uri);
    b.store.commit(Commit { new_documents: vec![again], ..Default::default() }).await?;
    let filter =
        DocumentFilter { collection: Some(b.collection), uri_prefix: Some("d/".into()), ..DocumentFilter::default() };
    let (mut found, mut after) = (HashSet::new(), None);
    loop {
        let page = b.store.list_documents(&filter, after, 10).await?;
        found.extend(page.documents.iter().map(|d| d.id));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(found, expect, "a known URI is not inserted again");
    Ok(())
}
