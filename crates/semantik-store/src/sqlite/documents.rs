//! Reading documents.

use std::collections::{HashMap, HashSet};

use sea_orm::{QueryResult, Value};
use semantik_core::document::Document;
use semantik_core::id::{CollectionId, DocumentId, SourceId};
use semantik_core::search::Filter;

use super::db::{SqliteStore, count, get, id_list, json, json_maybe, named, number, row, rows, to_json};
use super::error::not_found;
use crate::{DocumentFilter, DocumentPage, StoreError};

const SELECT: &str = "SELECT d.*, (SELECT COUNT(*) FROM chunk WHERE document = d.id) AS chunk_count FROM document d";
const LIVING: &str = "('pending', 'published', 'processing', 'failed')";

impl SqliteStore {
    async fn read_documents(&self, sql: &str, values: Vec<Value>) -> Result<Vec<Document>, StoreError> {
        rows(&self.readers, &format!("{SELECT} {sql}"), values).await?.iter().map(read_document).collect()
    }

    pub(super) async fn find_document(&self, id: DocumentId) -> Result<Document, StoreError> {
        let found = row(&self.readers, &format!("{SELECT} WHERE d.id = ?"), [id.0.into()]).await?;
        found.as_ref().map(read_document).transpose()?.ok_or_else(|| not_found("document", id))
    }

    pub(super) async fn find_documents(&self, ids: &[DocumentId]) -> Result<Vec<Document>, StoreError> {
        let ids = &ids[..ids.len().min(1000)];
        let sql = "WHERE d.id IN (SELECT unhex(value) FROM json_each(?))";
        let found = self.read_documents(sql, vec![id_list(ids.iter().map(|id| id.0))]).await?;
        let mut by_id: HashMap<_, _> = found.into_iter().map(|d| (d.id, d)).collect();
        Ok(ids.iter().filter_map(|id| by_id.remove(id)).collect())
    }

    pub(super) async fn find_documents_by_uri(
        &self,
        source: SourceId,
        uris: &[String],
    ) -> Result<Vec<Document>, StoreError> {
        let uris = to_json(&uris[..uris.len().min(1000)].to_vec())?;
        self.read_documents(
            "WHERE d.source = ? AND d.uri IN (SELECT value FROM json_each(?))",
            vec![source.0.into(), uris],
        )
        .await
    }

    pub(super) async fn find_documents_by_hash(
        &self,
        source: SourceId,
        hash: &str,
    ) -> Result<Vec<Document>, StoreError> {
        let sql = "WHERE d.source = ? AND d.content_hash = ? AND d.status = 'completed' AND d.parent IS NULL LIMIT 10";
        self.read_documents(sql, vec![source.0.into(), hash.into()]).await
    }

    pub(super) async fn list_page(
        &self,
        filter: &DocumentFilter,
        after: Option<DocumentId>,
        limit: usize,
    ) -> Result<DocumentPage, StoreError> {
        let after: Vec<u8> = after.map(|id| id.0.as_bytes().to_vec()).unwrap_or_default();
        let (mut sql, mut values) = (String::from("WHERE d.id > ?"), vec![Value::from(after)]);
        if let Some(collection) = filter.collection {
            sql.push_str(" AND d.collection = ?");
            values.push(collection.0.into());
        }
        if let Some(source) = filter.source {
            sql.push_str(" AND d.source = ?");
            values.push(source.0.into());
        }
        if let Some(status) = filter.status {
            sql.push_str(" AND d.status = ?");
            values.push(status.as_str().into());
        }
        if let Some(prefix) = &filter.uri_prefix {
            push_prefix(&mut sql, &mut values, prefix);
        }
        sql.push_str(" ORDER BY d.id LIMIT ?");
        let limit = limit.clamp(1, 1000);
        values.push(number(limit + 1));
        let mut documents = self.read_documents(&sql, values).await?;
        let more = documents.len() > limit;
        documents.truncate(limit);
        let next = documents.last().filter(|_| more).map(|d| d.id);
        Ok(DocumentPage { documents, next })
    }

    pub(super) async fn find_children(&self, parent: DocumentId) -> Result<Vec<Document>, StoreError> {
        self.read_documents("WHERE d.parent = ? ORDER BY d.uri LIMIT 10000", vec![parent.0.into()]).await
    }

    pub(super) async fn find_matching(
        &self,
        collection: CollectionId,
        filter: &Filter,
    ) -> Result<HashSet<DocumentId>, StoreError> {
        let mut sql = String::from("SELECT d.id FROM document d WHERE d.collection = ? AND d.status = 'completed'");
        let mut values = vec![Value::from(collection.0)];
        if !filter.documents.is_empty() {
            sql.push_str(" AND d.id IN (SELECT unhex(value) FROM json_each(?))");
            values.push(id_list(filter.documents.iter().map(|id| id.0)));
        }
        if let Some(prefix) = &filter.path_prefix {
            push_prefix(&mut sql, &mut values, prefix);
        }
        if !filter.mime.is_empty() {
            sql.push_str(
                " AND EXISTS (SELECT 1 FROM json_each(?) m WHERE m.value = d.mime OR m.value = '*/*' \
                 OR (m.value LIKE '%/*' AND substr(d.mime, 1, length(m.value) - 1) = substr(m.value, 1, length(m.value) - 1)))",
            );
            values.push(to_json(&filter.mime)?);
        }
        if let Some(after) = filter.modified_after {
            sql.push_str(" AND d.modified_at >= ?");
            values.push(after.into());
        }
        if let Some(before) = filter.modified_before {
            sql.push_str(" AND d.modified_at < ?");
            values.push(before.into());
        }
        if !filter.tags.is_empty() {
            sql.push_str(
                " AND NOT EXISTS (SELECT 1 FROM json_each(?) t \
                 WHERE t.value NOT IN (SELECT has.value FROM json_each(d.tags) has))",
            );
            values.push(to_json(&filter.tags)?);
        }
        let found = rows(&self.readers, &sql, values).await?;
        found.iter().map(|row| Ok(DocumentId(get(row, "id")?))).collect()
    }

    pub(super) async fn find_stranded(&self, limit: usize) -> Result<Vec<Document>, StoreError> {
        let sql = format!(
            "WHERE d.status IN ('pending', 'processing') AND NOT EXISTS \
             (SELECT 1 FROM job WHERE document = d.id AND document IS NOT NULL AND status IN {LIVING}) ORDER BY d.id LIMIT ?"
        );
        self.read_documents(&sql, vec![number(limit.min(1000))]).await
    }
}

/// A range, so that an index on the URI can answer.
fn push_prefix(sql: &mut String, values: &mut Vec<Value>, prefix: &str) {
    sql.push_str(" AND d.uri >= ? AND d.uri < ? || char(1114111)");
    values.extend([Value::from(prefix), Value::from(prefix)]);
}

fn read_document(row: &QueryResult) -> Result<Document, StoreError> {
    Ok(Document {
        id: DocumentId(get(row, "id")?),
        collection: CollectionId(get(row, "collection")?),
        source: SourceId(get(row, "source")?),
        parent: get::<Option<_>>(row, "parent")?.map(DocumentId),
        uri: get(row, "uri")?,
        name: get(row, "name")?,
        mime: get(row, "mime")?,
        size: count(row, "size")?,
        modified_at: get(row, "modified_at")?,
        content_hash: get(row, "content_hash")?,
        status: named(row, "status")?,
        reason: json_maybe(row, "reason")?,
        pages: json(row, "pages")?,
        title: get(row, "title")?,
        language: get(row, "language")?,
        tags: json(row, "tags")?,
        chunk_count: count(row, "chunk_count")?,
        created_at: get(row, "created_at")?,
        updated_at: get(row, "updated_at")?,
    })
}
