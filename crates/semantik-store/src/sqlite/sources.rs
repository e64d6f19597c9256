//! Sources of collections.

use sea_orm::QueryResult;
use semantik_core::id::{CollectionId, SourceId};
use semantik_core::source::Source;

use super::db::{SqliteStore, get, json, row, rows, to_json};
use super::error::not_found;
use crate::{Change, StoreError};

impl SqliteStore {
    pub(super) async fn insert_source(&self, s: Source) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        tx.exec(
            "INSERT INTO source VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                s.id.0.into(),
                s.collection.0.into(),
                s.config.location().into(),
                to_json(&s.config)?,
                s.last_scan_at.into(),
                s.last_error.as_deref().into(),
                s.created_at.into(),
            ],
        )
        .await
        .map_err(|e| match e {
            StoreError::AlreadyExists { .. } => {
                StoreError::AlreadyExists { what: format!("source `{}`", s.config.location()) }
            }
            StoreError::InvalidState { .. } => not_found("collection", s.collection),
            other => other,
        })?;
        tx.tell(Change::Collection(s.collection));
        tx.commit().await
    }

    pub(super) async fn find_source(&self, id: SourceId) -> Result<Source, StoreError> {
        let found = row(&self.readers, "SELECT * FROM source WHERE id = ?", [id.0.into()]).await?;
        found.as_ref().map(read_source).transpose()?.ok_or_else(|| not_found("source", id))
    }

    pub(super) async fn list_sources(&self, collection: CollectionId) -> Result<Vec<Source>, StoreError> {
        let sql = "SELECT * FROM source WHERE collection = ? ORDER BY location LIMIT 1000";
        let found = rows(&self.readers, sql, [collection.0.into()]).await?;
        found.iter().map(read_source).collect()
    }

    pub(super) async fn write_source(&self, s: Source) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        let changed = tx
            .exec(
                "UPDATE source SET location = ?, config = ?, last_scan_at = ?, last_error = ? WHERE id = ?",
                [
                    s.config.location().into(),
                    to_json(&s.config)?,
                    s.last_scan_at.into(),
                    s.last_error.as_deref().into(),
                    s.id.0.into(),
                ],
            )
            .await?;
        if changed == 0 {
            return Err(not_found("source", s.id));
        }
        tx.tell(Change::Collection(s.collection));
        tx.commit().await
    }

    pub(super) async fn delete_source(&self, id: SourceId) -> Result<(), StoreError> {
        let tx = self.begin().await?;
        let changed = tx.exec("DELETE FROM source WHERE id = ?", [id.0.into()]).await.map_err(|e| match e {
            StoreError::InvalidState { .. } => {
                StoreError::InvalidState { what: format!("source {id}"), state: "not empty".into() }
            }
            other => other,
        })?;
        if changed == 0 {
            return Err(not_found("source", id));
        }
        tx.commit().await
    }
}

fn read_source(row: &QueryResult) -> Result<Source, StoreError> {
    Ok(Source {
        id: SourceId(get(row, "id")?),
        collection: CollectionId(get(row, "collection")?),
        config: json(row, "config")?,
        last_scan_at: get(row, "last_scan_at")?,
        last_error: get(row, "last_error")?,
        created_at: get(row, "created_at")?,
    })
}
