//! Stand-alone vector spaces in a file of their own.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use sea_orm::QueryResult;
use sea_orm::sqlx::sqlite::SqliteSynchronous;
use sea_orm_migration::MigratorTrait;
use semantik_core::id::{ChunkId, IndexId};
use semantik_core::{Clock, Fingerprint};

use super::db::{SqliteStore, count, get, id_list, named, number, row, rows, to_json};
use super::migrations::SpacesMigrator;
use super::open::{connect_all, refuse_newer};
use crate::StoreError;
use crate::spaces::{Space, SpaceModel, SpacePoint, Spaces};

const STAGED: i64 = 0;
const PUBLISHED: i64 = 1;
const RETIRED: i64 = 2;

/// Opens, migrates to the newest schema and refuses a file of a newer program.
pub(crate) async fn open_spaces(path: &Path, clock: Arc<dyn Clock>) -> Result<Arc<dyn Spaces>, StoreError> {
    // Nothing else knows what the answer to a caller promised, so commits reach the disk.
    let (writer, readers) = connect_all(path, SqliteSynchronous::Full).await?;
    refuse_newer::<SpacesMigrator>(&writer).await?;
    SpacesMigrator::up(&writer, None).await?;
    Ok(Arc::new(SqliteStore::new(writer, readers, clock)))
}

#[async_trait]
impl Spaces for SqliteStore {
    async fn list(&self) -> Result<Vec<Space>, StoreError> {
        rows(&self.readers, "SELECT * FROM space ORDER BY name LIMIT 1000", []).await?.iter().map(read_space).collect()
    }

    async fn create(&self, space: &Space) -> Result<(), StoreError> {
        let tx = self.begin().await?;
        let model = space.model.as_ref();
        tx.exec(
            "INSERT INTO space VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                space.index.0.into(),
                space.name.as_str().into(),
                model.map(|model| model.name.as_str()).into(),
                model.map(|model| model.made.hash.as_str()).into(),
                model.map(|model| model.made.quantization.as_str()).into(),
                number(space.dimensions),
                space.created_at.into(),
                model.map_or("", |model| &model.made.recipe).into(),
            ],
        )
        .await
        .map_err(|error| match error {
            StoreError::AlreadyExists { .. } => StoreError::AlreadyExists { what: format!("space `{}`", space.name) },
            other => other,
        })?;
        tx.commit().await
    }

    async fn remove(&self, space: IndexId) -> Result<(), StoreError> {
        let tx = self.begin().await?;
        tx.exec("DELETE FROM point WHERE space = ?", [space.0.into()]).await?;
        tx.exec("DELETE FROM space WHERE id = ?", [space.0.into()]).await?;
        tx.commit().await
    }

    async fn stage(&self, space: IndexId, points: &[SpacePoint]) -> Result<(), StoreError> {
        let tx = self.begin().await?;
        for point in points {
            tx.exec(
                "INSERT INTO point VALUES (?, ?, ?, ?, ?, ?)",
                [
                    point.key.0.into(),
                    space.0.into(),
                    point.id.as_str().into(),
                    STAGED.into(),
                    point.text.as_str().into(),
                    point.payload.as_str().into(),
                ],
            )
            .await?;
        }
        tx.commit().await
    }

    async fn publish(&self, space: IndexId) -> Result<(), StoreError> {
        let tx = self.begin().await?;
        tx.exec(
            "UPDATE point SET state = ?1 WHERE space = ?2 AND state = ?3 \
             AND id IN (SELECT id FROM point WHERE space = ?2 AND state = ?4)",
            [RETIRED.into(), space.0.into(), PUBLISHED.into(), STAGED.into()],
        )
        .await?;
        tx.exec(
            "UPDATE point SET state = ? WHERE space = ? AND state = ?",
            [PUBLISHED.into(), space.0.into(), STAGED.into()],
        )
        .await?;
        tx.commit().await
    }

    async fn retire(&self, space: IndexId, ids: &[String]) -> Result<u64, StoreError> {
        let tx = self.begin().await?;
        let sql = "UPDATE point SET state = ? WHERE space = ? AND state = ? AND id IN (SELECT value FROM json_each(?))";
        let values = [RETIRED.into(), space.0.into(), PUBLISHED.into(), to_json(&ids)?];
        let retired = tx.exec(sql, values).await?;
        tx.commit().await?;
        Ok(retired)
    }

    async fn leftovers(&self, space: IndexId, limit: usize) -> Result<Vec<ChunkId>, StoreError> {
        let sql = "SELECT key FROM point WHERE space = ? AND state <> 1 LIMIT ?";
        let found = rows(&self.readers, sql, [space.0.into(), number(limit)]).await?;
        found.iter().map(|row| get(row, "key").map(ChunkId)).collect()
    }

    async fn forget(&self, space: IndexId, keys: &[ChunkId]) -> Result<(), StoreError> {
        let tx = self.begin().await?;
        let sql = "DELETE FROM point WHERE space = ? AND state <> 1 \
                   AND key IN (SELECT unhex(value) FROM json_each(?))";
        tx.exec(sql, [space.0.into(), id_list(keys.iter().map(|key| key.0))]).await?;
        tx.commit().await
    }

    async fn points(&self, space: IndexId, keys: &[ChunkId]) -> Result<Vec<SpacePoint>, StoreError> {
        let sql = "SELECT key, id, text, payload FROM point WHERE space = ? AND state = 1 \
                   AND key IN (SELECT unhex(value) FROM json_each(?))";
        let found = rows(&self.readers, sql, [space.0.into(), id_list(keys.iter().map(|key| key.0))]).await?;
        found.iter().map(read_point).collect()
    }

    async fn count(&self, space: IndexId) -> Result<u64, StoreError> {
        let sql = "SELECT count(*) AS points FROM point WHERE space = ? AND state = 1";
        let found = row(&self.readers, sql, [space.0.into()]).await?;
        found.as_ref().map_or(Ok(0), |row| count(row, "points"))
    }
}

fn read_space(row: &QueryResult) -> Result<Space, StoreError> {
    let model = match get::<Option<String>>(row, "model")? {
        Some(name) => {
            let (hash, quantization) = (get(row, "hash")?, named(row, "quantization")?);
            Some(SpaceModel { name, made: Fingerprint { hash, quantization, recipe: get(row, "recipe")? } })
        }
        None => None,
    };
    Ok(Space {
        index: IndexId(get(row, "id")?),
        name: get(row, "name")?,
        model,
        dimensions: usize::try_from(count(row, "dimensions")?).unwrap_or(usize::MAX),
        created_at: get(row, "created_at")?,
    })
}

fn read_point(row: &QueryResult) -> Result<SpacePoint, StoreError> {
    Ok(SpacePoint {
        key: ChunkId(get(row, "key")?),
        id: get(row, "id")?,
        text: get(row, "text")?,
        payload: get(row, "payload")?,
    })
}

#[cfg(test)]
mod tests {
    use semantik_core::SystemClock;
    use semantik_core::collection::Quantization;

    use super::*;

    fn point(id: &str, text: &str) -> SpacePoint {
        SpacePoint { key: ChunkId::generate(), id: id.into(), text: text.into(), payload: String::new() }
    }

    #[tokio::test]
    async fn a_point_counts_once_it_is_published_and_replaces_the_one_before() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let spaces = open_spaces(&folder.path().join("spaces.db"), Arc::new(SystemClock)).await.expect("opens");
        let index = IndexId::generate();
        let made = Fingerprint { hash: "h".into(), quantization: Quantization::Int8, recipe: "cls".into() };
        let model = SpaceModel { name: "m".into(), made };
        let space = Space { index, name: "notes".into(), model: Some(model), dimensions: 3, created_at: 1 };
        spaces.create(&space).await.expect("is made");
        assert_eq!(spaces.list().await.expect("a list"), std::slice::from_ref(&space));
        let again = Space { index: IndexId::generate(), ..space };
        assert!(matches!(spaces.create(&again).await, Err(StoreError::AlreadyExists { .. })));

        let (old, new) = (point("\"a\"", "old"), point("\"a\"", "new"));
        spaces.stage(index, &[old.clone(), point("2", "two")]).await.expect("is staged");
        assert!(spaces.points(index, &[old.key]).await.expect("a list").is_empty(), "staged points do not count");
        spaces.publish(index).await.expect("is published");
        spaces.stage(index, std::slice::from_ref(&new)).await.expect("is staged");
        assert_eq!(spaces.points(index, &[old.key, new.key]).await.expect("a list"), std::slice::from_ref(&old));
        assert_eq!(spaces.leftovers(index, 10).await.expect("a list"), [new.key]);
        spaces.publish(index).await.expect("is published");
        assert_eq!(spaces.points(index, &[old.key, new.key]).await.expect("a list"), std::slice::from_ref(&new));
        assert_eq!(spaces.leftovers(index, 10).await.expect("a list"), [old.key]);
        spaces.forget(index, &[old.key, new.key]).await.expect("is forgotten");
        assert_eq!(spaces.count(index).await.expect("a count"), 2, "what counts is not forgotten");
        assert_eq!(spaces.retire(index, &["2".into(), "3".into()]).await.expect("is retired"), 1);
        assert_eq!(spaces.count(index).await.expect("a count"), 1);
        spaces.remove(index).await.expect("is removed");
        assert!(spaces.list().await.expect("a list").is_empty());
        assert!(matches!(spaces.stage(index, &[new]).await, Err(StoreError::InvalidState { .. })));
    }
}
