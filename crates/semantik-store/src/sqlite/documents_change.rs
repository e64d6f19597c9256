//! Writing documents and chunks inside a transaction.
//!
//! A document on its way out (`deleting`) is never brought back: changes to it pass without effect,
//! as do changes to one that is gone.

use std::collections::BTreeSet;

use semantik_core::document::Reason;
use semantik_core::id::{ChunkId, DocumentId};
use uuid::Uuid;

use super::db::{Tx, get, id_list, number, to_json};
use crate::{Change, DocumentChange, NewDocument, ReplaceChunks, StoreError};

const TREE: &str =
    "WITH RECURSIVE tree (id) AS (SELECT ? UNION SELECT d.id FROM document d JOIN tree ON d.parent = tree.id)";

const IDS_AT_ONCE: usize = 10_000;

/// One statement for all chunks of a document, each an array of its columns.
const INSERT_CHUNKS: &str = "INSERT INTO chunk \
    SELECT unhex(value ->> 0), unhex(value ->> 1), ?1, ?2, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7, \
    value ->> 8, value ->> 9, 0 FROM json_each(?3) WHERE 1 ON CONFLICT (id) DO UPDATE SET \
    ordinal = excluded.ordinal, text = excluded.text, start = excluded.start, \"end\" = excluded.\"end\", \
    overlap = excluded.overlap, page = excluded.page, context = excluded.context, token_count = excluded.token_count, \
    indexed = indexed AND text = excluded.text AND context IS excluded.context";

impl Tx<'_> {
    pub(super) async fn insert_document(&mut self, d: NewDocument) -> Result<(), StoreError> {
        let reason = d.reason.as_ref().map(serde_json::to_string).transpose().map_err(super::error::corrupt)?;
        let inserted = self
            .exec(
                "INSERT INTO document (id, collection, source, parent, uri, name, size, modified_at, content_hash, status, reason, tags, created_at, updated_at) \
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                [
                    d.id.0.into(), d.collection.0.into(), d.source.0.into(), d.parent.map(|p| p.0).into(), d.uri.into(), d.name.into(),
                    number(d.size), d.modified_at.into(), d.content_hash.into(), d.status.as_str().into(), reason.into(), to_json(&d.tags)?,
                    self.now.into(), self.now.into(),
                ],
            )
            .await?;
        if inserted > 0 {
            self.tell(Change::Document(d.id));
        }
        Ok(())
    }

    /// Applies a change; the document that may be complete now.
    pub(super) async fn change_document(&mut self, change: DocumentChange) -> Result<Option<DocumentId>, StoreError> {
        let now = self.now;
        match change {
            DocumentChange::Processing(id) => {
                let sql = "UPDATE document SET status = 'processing', reason = NULL, updated_at = ? WHERE id = ? AND status <> 'deleting'";
                self.exec(sql, [now.into(), id.0.into()]).await?;
                self.tell(Change::Document(id));
            }
            DocumentChange::Extracted { id, content_hash, size, modified_at, mime, title, language, pages } => {
                self.exec(
                    "UPDATE document SET status = 'processing', extracted = 1, reason = NULL, content_hash = ?, size = ?, modified_at = ?, \
                     mime = ?, title = ?, language = ?, pages = ?, updated_at = ? WHERE id = ? AND status <> 'deleting'",
                    [
                        content_hash.into(), number(size), modified_at.into(), mime.into(), title.into(), language.into(),
                        to_json(&pages)?, now.into(), id.0.into(),
                    ],
                )
                .await?;
                self.tell(Change::Document(id));
                return Ok(Some(id));
            }
            DocumentChange::Ended { id, reason, mime, content_hash } => {
                self.end_document(id, &reason, mime, content_hash).await?;
            }
            DocumentChange::Unchanged { id, modified_at } => {
                let sql = "UPDATE document SET modified_at = ?, updated_at = ? WHERE id = ? AND status <> 'deleting'";
                self.exec(sql, [modified_at.into(), now.into(), id.0.into()]).await?;
            }
            DocumentChange::Reopened { id, size, modified_at } => {
                let sql = "UPDATE document SET status = 'pending', extracted = 0, reason = NULL, size = ?, modified_at = ?, updated_at = ? \
                           WHERE id = ? AND status <> 'deleting'";
                self.exec(sql, [number(size), modified_at.into(), now.into(), id.0.into()]).await?;
                self.tell(Change::Document(id));
            }
            DocumentChange::Renamed { id, uri, name, modified_at } => {
                self.rename_document(id, &uri, &name, modified_at).await?
            }
            DocumentChange::Deleting(id) => {
                let sql = format!(
                    "{TREE} UPDATE document SET status = 'deleting', updated_at = ? WHERE id IN (SELECT id FROM tree) RETURNING id"
                );
                for row in self.rows(&sql, [id.0.into(), now.into()]).await? {
                    self.tell(Change::Document(DocumentId(get(&row, "id")?)));
                }
            }
            DocumentChange::Removed(id) => {
                self.exec("DELETE FROM document WHERE id = ?", [id.0.into()]).await?;
                self.tell(Change::Document(id));
            }
        }
        Ok(None)
    }

    pub(super) async fn end_document(
        &mut self,
        id: DocumentId,
        reason: &Reason,
        mime: Option<String>,
        hash: Option<String>,
    ) -> Result<(), StoreError> {
        let status = match reason {
            Reason::Failed { .. } => "failed",
            Reason::Skipped { .. } => "skipped",
        };
        let sql = "UPDATE document SET status = ?, extracted = 0, reason = ?, mime = COALESCE(?, mime), content_hash = COALESCE(?, content_hash), \
                   updated_at = ? WHERE id = ? AND status <> 'deleting'";
        let changed = self
            .exec(sql, [status.into(), to_json(reason)?, mime.into(), hash.into(), self.now.into(), id.0.into()])
            .await?;
        if changed > 0 {
            self.exec("DELETE FROM chunk WHERE document = ?", [id.0.into()]).await?;
            self.tell(Change::Document(id));
        }
        Ok(())
    }

    async fn rename_document(
        &mut self,
        id: DocumentId,
        uri: &str,
        name: &str,
        modified_at: Option<i64>,
    ) -> Result<(), StoreError> {
        let Some(row) = self.row("SELECT source, uri FROM document WHERE id = ?", [id.0.into()]).await? else {
            return Ok(());
        };
        let (source, old): (Uuid, String) = (get(&row, "source")?, get(&row, "uri")?);
        let sql = "UPDATE document SET uri = ?, name = ?, modified_at = ?, updated_at = ? WHERE id = ?";
        self.exec(sql, [uri.into(), name.into(), modified_at.into(), self.now.into(), id.0.into()]).await?;
        // `0` follows `/`: the range holds exactly what begins with the old URI and `!/`.
        let sql = "UPDATE document SET uri = ? || substr(uri, length(?) + 1), updated_at = ? \
                   WHERE source = ? AND uri >= ? || '!/' AND uri < ? || '!0' RETURNING id";
        let old = old.as_str();
        for row in
            self.rows(sql, [uri.into(), old.into(), self.now.into(), source.into(), old.into(), old.into()]).await?
        {
            self.tell(Change::Document(DocumentId(get(&row, "id")?)));
        }
        self.tell(Change::Document(id));
        Ok(())
    }

    /// Chunks that stay the same keep their row; the rest goes and comes.
    pub(super) async fn replace_chunks(&mut self, replace: ReplaceChunks) -> Result<(), StoreError> {
        let ReplaceChunks { document, dataset, chunks } = replace;
        let alive = "SELECT 1 AS alive FROM document WHERE id = ? AND status <> 'deleting'";
        if self.row(alive, [document.0.into()]).await?.is_none() {
            return Ok(());
        }
        let kept = id_list(chunks.iter().map(|c| c.id.0));
        // `+` keeps the planner off the dataset's index, which would walk every chunk there is.
        let old = "DELETE FROM chunk WHERE document = ? AND +dataset = ? AND id NOT IN (SELECT unhex(value) FROM json_each(?))";
        self.exec(old, [document.0.into(), dataset.0.into(), kept]).await?;
        let all: Vec<serde_json::Value> = chunks
            .iter()
            .map(|c| {
                serde_json::json!([
                    c.id.0.simple().to_string(),
                    c.collection.0.simple().to_string(),
                    c.ordinal,
                    c.text,
                    c.start,
                    c.end,
                    c.overlap,
                    c.page,
                    c.context,
                    c.token_count
                ])
            })
            .collect();
        self.exec(INSERT_CHUNKS, [dataset.0.into(), document.0.into(), to_json(&all)?]).await?;
        Ok(())
    }

    /// Marks chunks; the documents of those that were not so before.
    pub(super) async fn mark_chunks(
        &mut self,
        ids: &[ChunkId],
        indexed: bool,
    ) -> Result<BTreeSet<DocumentId>, StoreError> {
        let sql = "UPDATE chunk SET indexed = ?1 WHERE id IN (SELECT unhex(value) FROM json_each(?2)) AND indexed <> ?1 RETURNING document";
        let mut documents = BTreeSet::new();
        for part in ids.chunks(IDS_AT_ONCE) {
            for row in self.rows(sql, [i64::from(indexed).into(), id_list(part.iter().map(|id| id.0))]).await? {
                documents.insert(DocumentId(get(&row, "document")?));
            }
        }
        Ok(documents)
    }

    pub(super) async fn complete_if_indexed(&mut self, id: DocumentId) -> Result<(), StoreError> {
        let sql = "UPDATE document SET status = 'completed', updated_at = ? WHERE id = ? AND status = 'processing' AND extracted = 1 \
                   AND NOT EXISTS (SELECT 1 FROM chunk WHERE chunk.document = ? AND indexed = 0)";
        if self.exec(sql, [self.now.into(), id.0.into(), id.0.into()]).await? > 0 {
            self.tell(Change::Document(id));
        }
        Ok(())
    }

    /// A completed document with a point missing waits for it again.
    pub(super) async fn reopen_completed(&mut self, id: DocumentId) -> Result<(), StoreError> {
        let sql = "UPDATE document SET status = 'processing', updated_at = ? WHERE id = ? AND status = 'completed'";
        if self.exec(sql, [self.now.into(), id.0.into()]).await? > 0 {
            self.tell(Change::Document(id));
        }
        Ok(())
    }
}
