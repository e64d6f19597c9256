//! Reading chunks.

use std::collections::HashMap;

use sea_orm::QueryResult;
use semantik_core::chunk::Chunk;
use semantik_core::id::{ChunkId, CollectionId, DatasetId, DocumentId};

use super::db::{SqliteStore, get, id_list, number, rows};
use super::error::corrupt;
use crate::{ChunkRef, StoreError};

impl SqliteStore {
    pub(super) async fn find_chunks(&self, ids: &[ChunkId]) -> Result<Vec<Chunk>, StoreError> {
        let ids = &ids[..ids.len().min(1000)];
        let sql = "SELECT * FROM chunk WHERE id IN (SELECT unhex(value) FROM json_each(?))";
        let found = rows(&self.readers, sql, [id_list(ids.iter().map(|id| id.0))]).await?;
        let mut chunks = HashMap::with_capacity(found.len());
        for row in &found {
            let chunk = read_chunk(row)?;
            chunks.insert(chunk.id, chunk);
        }
        Ok(ids.iter().filter_map(|id| chunks.remove(id)).collect())
    }

    pub(super) async fn find_chunks_of(
        &self,
        document: DocumentId,
        from: u32,
        limit: usize,
    ) -> Result<Vec<Chunk>, StoreError> {
        let sql = "SELECT * FROM chunk WHERE document = ? AND ordinal >= ? ORDER BY ordinal LIMIT ?";
        let found = rows(&self.readers, sql, [document.0.into(), number(from), number(limit)]).await?;
        found.iter().map(read_chunk).collect()
    }

    pub(super) async fn find_chunk_ids_of(&self, document: DocumentId) -> Result<Vec<ChunkId>, StoreError> {
        let sql = "SELECT id FROM chunk WHERE document = ? ORDER BY ordinal";
        let found = rows(&self.readers, sql, [document.0.into()]).await?;
        found.iter().map(|row| Ok(ChunkId(get(row, "id")?))).collect()
    }

    pub(super) async fn list_chunk_refs(
        &self,
        dataset: DatasetId,
        after: Option<ChunkId>,
        limit: usize,
    ) -> Result<Vec<ChunkRef>, StoreError> {
        let sql = "SELECT id, document, indexed FROM chunk WHERE dataset = ? AND id > ? ORDER BY id LIMIT ?";
        let after: Vec<u8> = after.map(|id| id.0.as_bytes().to_vec()).unwrap_or_default();
        let found = rows(&self.readers, sql, [dataset.0.into(), after.into(), number(limit)]).await?;
        let read = |row: &QueryResult| {
            Ok(ChunkRef {
                id: ChunkId(get(row, "id")?),
                document: DocumentId(get(row, "document")?),
                indexed: get::<i64>(row, "indexed")? != 0,
            })
        };
        found.iter().map(read).collect()
    }
}

fn read_chunk(row: &QueryResult) -> Result<Chunk, StoreError> {
    let size = |column| usize::try_from(get::<i64>(row, column)?).map_err(corrupt);
    let small = |column| u32::try_from(get::<i64>(row, column)?).map_err(corrupt);
    Ok(Chunk {
        id: ChunkId(get(row, "id")?),
        collection: CollectionId(get(row, "collection")?),
        dataset: DatasetId(get(row, "dataset")?),
        document: DocumentId(get(row, "document")?),
        ordinal: small("ordinal")?,
        text: get(row, "text")?,
        start: size("start")?,
        end: size("end")?,
        overlap: size("overlap")?,
        page: get::<Option<i64>>(row, "page")?.map(u32::try_from).transpose().map_err(corrupt)?,
        context: get(row, "context")?,
        token_count: small("token_count")?,
        indexed: get::<i64>(row, "indexed")? != 0,
    })
}
