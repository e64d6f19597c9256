//! Collections, their dataset and their indexes.

use std::str::FromStr;

use sea_orm::QueryResult;
use semantik_core::collection::{Collection, CollectionCounts, Dataset, Index};
use semantik_core::document::DocumentStatus;
use semantik_core::id::{CollectionId, DatasetId, IndexId, UserId};

use super::db::{SqliteStore, count, get, json, named, number, row, rows, to_json};
use super::error::{corrupt, not_found};
use crate::{Change, StoreError};

impl SqliteStore {
    pub(super) async fn insert_collection(
        &self,
        c: Collection,
        dataset: Dataset,
        index: Index,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        tx.exec(
            "INSERT INTO collection VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                c.id.0.into(),
                c.owner.0.into(),
                c.name.as_str().into(),
                c.description.into(),
                to_json(&c.tags)?,
                c.status.as_str().into(),
                c.created_at.into(),
                c.updated_at.into(),
            ],
        )
        .await
        .map_err(|e| match e {
            StoreError::AlreadyExists { .. } => StoreError::AlreadyExists { what: format!("collection `{}`", c.name) },
            other => other,
        })?;
        tx.exec(
            "INSERT INTO dataset VALUES (?, ?, ?, ?, ?)",
            [
                dataset.id.0.into(),
                dataset.collection.0.into(),
                dataset.name.into(),
                to_json(&dataset.chunking)?,
                dataset.created_at.into(),
            ],
        )
        .await?;
        tx.exec(
            "INSERT INTO search_index (id, dataset, collection, model, model_hash, quantization, recipe, dimensions, generation, status, created_at) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                index.id.0.into(),
                index.dataset.0.into(),
                index.collection.0.into(),
                index.model.into(),
                index.model_hash.into(),
                index.quantization.as_str().into(),
                index.recipe.into(),
                number(index.dimensions),
                number(index.generation),
                index.status.as_str().into(),
                index.created_at.into(),
            ],
        )
        .await?;
        tx.tell(Change::Collection(c.id));
        tx.commit().await
    }

    pub(super) async fn find_collection(&self, id: CollectionId) -> Result<Collection, StoreError> {
        let found = row(&self.readers, "SELECT * FROM collection WHERE id = ?", [id.0.into()]).await?;
        found.as_ref().map(read_collection).transpose()?.ok_or_else(|| not_found("collection", id))
    }

    pub(super) async fn find_collection_by_name(&self, name: &str) -> Result<Option<Collection>, StoreError> {
        let found = row(&self.readers, "SELECT * FROM collection WHERE name = ? LIMIT 1", [name.into()]).await?;
        found.as_ref().map(read_collection).transpose()
    }

    pub(super) async fn list_collections(&self) -> Result<Vec<Collection>, StoreError> {
        let found = rows(&self.readers, "SELECT * FROM collection ORDER BY name LIMIT 1000", []).await?;
        found.iter().map(read_collection).collect()
    }

    pub(super) async fn write_collection(&self, c: Collection) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        let changed = tx
            .exec(
                "UPDATE collection SET name = ?, description = ?, tags = ?, status = ?, updated_at = ? WHERE id = ?",
                [
                    c.name.as_str().into(),
                    c.description.into(),
                    to_json(&c.tags)?,
                    c.status.as_str().into(),
                    tx.now.into(),
                    c.id.0.into(),
                ],
            )
            .await
            .map_err(|e| match e {
                StoreError::AlreadyExists { .. } => {
                    StoreError::AlreadyExists { what: format!("collection `{}`", c.name) }
                }
                other => other,
            })?;
        if changed == 0 {
            return Err(not_found("collection", c.id));
        }
        tx.tell(Change::Collection(c.id));
        tx.commit().await
    }

    /// Open operations that delete it stay, since one of their jobs is what calls this.
    pub(super) async fn delete_collection(&self, id: CollectionId) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        let gone = "SELECT id FROM operation WHERE collection = ? AND NOT (kind = 'delete' AND ended_at IS NULL)";
        tx.exec(&format!("DELETE FROM job WHERE operation IN ({gone})"), [id.0.into()]).await?;
        tx.exec(&format!("DELETE FROM tally WHERE owner IN ({gone})"), [id.0.into()]).await?;
        tx.exec(&format!("DELETE FROM operation WHERE id IN ({gone})"), [id.0.into()]).await?;
        tx.exec("DELETE FROM document WHERE collection = ?", [id.0.into()]).await?;
        if tx.exec("DELETE FROM collection WHERE id = ?", [id.0.into()]).await? == 0 {
            return Err(not_found("collection", id));
        }
        tx.exec("DELETE FROM tally WHERE owner = ?", [id.0.into()]).await?;
        tx.tell(Change::Collection(id));
        tx.commit().await
    }

    pub(super) async fn count_collection(&self, id: CollectionId) -> Result<CollectionCounts, StoreError> {
        let mut counts = CollectionCounts::default();
        for row in rows(&self.readers, "SELECT kind, rows, bytes FROM tally WHERE owner = ?", [id.0.into()]).await? {
            let (kind, rows, bytes): (String, u64, u64) =
                (get(&row, "kind")?, count(&row, "rows")?, count(&row, "bytes")?);
            match kind.split_once(':') {
                Some(("chunk", indexed)) => {
                    counts.chunks += rows;
                    counts.indexed_chunks += if indexed == "1" { rows } else { 0 };
                    continue;
                }
                Some(("document", status)) => match DocumentStatus::from_str(status).map_err(corrupt)? {
                    DocumentStatus::Pending => counts.pending += rows,
                    DocumentStatus::Processing => counts.processing += rows,
                    DocumentStatus::Completed => counts.completed += rows,
                    DocumentStatus::Failed => counts.failed += rows,
                    DocumentStatus::Skipped => counts.skipped += rows,
                    // On its way out: part of no figure.
                    DocumentStatus::Deleting => continue,
                },
                Some(_) | None => continue,
            }
            counts.documents += rows;
            counts.bytes += bytes;
        }
        Ok(counts)
    }

    pub(super) async fn count_by_format(
        &self,
        id: CollectionId,
    ) -> Result<Vec<(DocumentStatus, Option<String>, u64)>, StoreError> {
        let sql = "SELECT status, mime, COUNT(*) AS n FROM document WHERE collection = ? GROUP BY status, mime";
        let found = rows(&self.readers, sql, [id.0.into()]).await?;
        found.iter().map(|r| Ok((named(r, "status")?, get(r, "mime")?, count(r, "n")?))).collect()
    }

    pub(super) async fn find_dataset_and_index(
        &self,
        collection: CollectionId,
    ) -> Result<(Dataset, Index), StoreError> {
        let dataset = row(
            &self.readers,
            "SELECT * FROM dataset WHERE collection = ? ORDER BY created_at LIMIT 1",
            [collection.0.into()],
        )
        .await?
        .ok_or_else(|| not_found("collection", collection))?;
        let dataset = Dataset {
            id: DatasetId(get(&dataset, "id")?),
            collection,
            name: get(&dataset, "name")?,
            chunking: json(&dataset, "chunking")?,
            created_at: get(&dataset, "created_at")?,
        };
        // A generation that is still being built is not searched yet, unless there is no other.
        let sql =
            "SELECT * FROM search_index WHERE dataset = ? ORDER BY status = 'ready' DESC, generation DESC LIMIT 1";
        let index = row(&self.readers, sql, [dataset.id.0.into()])
            .await?
            .ok_or_else(|| not_found("index of dataset", dataset.id))?;
        Ok((dataset, read_index(&index)?))
    }

    pub(super) async fn list_indexes(&self) -> Result<Vec<Index>, StoreError> {
        let found = rows(&self.readers, "SELECT * FROM search_index ORDER BY id LIMIT 10000", []).await?;
        found.iter().map(read_index).collect()
    }

    pub(super) async fn find_index(&self, id: IndexId) -> Result<Index, StoreError> {
        let found = row(&self.readers, "SELECT * FROM search_index WHERE id = ?", [id.0.into()]).await?;
        found.as_ref().map(read_index).transpose()?.ok_or_else(|| not_found("index", id))
    }
}

fn read_collection(row: &QueryResult) -> Result<Collection, StoreError> {
    Ok(Collection {
        id: CollectionId(get(row, "id")?),
        owner: UserId(get(row, "owner")?),
        name: get(row, "name")?,
        description: get(row, "description")?,
        tags: json(row, "tags")?,
        status: named(row, "status")?,
        created_at: get(row, "created_at")?,
        updated_at: get(row, "updated_at")?,
    })
}

fn read_index(row: &QueryResult) -> Result<Index, StoreError> {
    Ok(Index {
        id: IndexId(get(row, "id")?),
        dataset: DatasetId(get(row, "dataset")?),
        collection: CollectionId(get(row, "collection")?),
        model: get(row, "model")?,
        model_hash: get(row, "model_hash")?,
        quantization: named(row, "quantization")?,
        recipe: get(row, "recipe")?,
        dimensions: usize::try_from(get::<i64>(row, "dimensions")?).map_err(corrupt)?,
        generation: u32::try_from(get::<i64>(row, "generation")?).map_err(corrupt)?,
        status: named(row, "status")?,
        created_at: get(row, "created_at")?,
    })
}
