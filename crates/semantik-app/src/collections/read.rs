//! Finding and describing collections.

use std::sync::Arc;

use semantik_core::Fingerprint;
use semantik_core::collection::{Collection, Dataset, Index as IndexRow};
use semantik_core::id::CollectionId;
use semantik_index::Index;

use super::{CollectionSummary, FormatCount};
use crate::{App, AppError, Caller};

impl App {
    /// Every collection the caller may read.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn collections(&self, caller: &Caller) -> Result<Vec<CollectionSummary>, AppError> {
        let mut summaries = Vec::new();
        for collection in self.store().collections().await? {
            if collection.owner == caller.user() {
                summaries.push(self.summary(collection).await?);
            }
        }
        Ok(summaries)
    }

    /// One collection, by id or name.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn collection(&self, caller: &Caller, key: &str) -> Result<CollectionSummary, AppError> {
        let collection = self.find_collection(caller, key).await?;
        self.summary(collection).await
    }

    /// The collection `key` names, when the caller may read it.
    pub(crate) async fn find_collection(&self, caller: &Caller, key: &str) -> Result<Collection, AppError> {
        let found = match key.parse::<CollectionId>() {
            Ok(id) => self.store().collection(id).await.ok(),
            Err(_) => self.store().collection_by_name(key).await?,
        };
        found
            .filter(|collection| collection.owner == caller.user())
            .ok_or_else(|| AppError::NotFound { what: format!("collection `{key}`") })
    }

    /// The rows and the open index a collection is searched with.
    pub(crate) async fn open_index(
        &self,
        collection: CollectionId,
    ) -> Result<(Dataset, IndexRow, Arc<dyn Index>), AppError> {
        let (dataset, row) = self.store().dataset_and_index(collection).await?;
        let index = self.parts.engine.open(row.id, row.dimensions).await?;
        Ok((dataset, row, index))
    }

    /// Refuses to mix vectors of different models.
    pub(crate) fn check_model(&self, row: &IndexRow) -> Result<(), AppError> {
        let (kept, running) = (row.fingerprint(), self.embedder().info());
        if kept.fits(&running.fingerprint()) && row.dimensions == running.dimensions {
            return Ok(());
        }
        let described = |name: &str, made: &Fingerprint, dimensions| match row.dimensions == running.dimensions {
            true => made.describe(name),
            false => format!("{} in {dimensions} dimensions", made.describe(name)),
        };
        Err(AppError::ModelMismatch {
            made_with: described(&row.model, &kept, row.dimensions),
            running: described(&running.name, &running.fingerprint(), running.dimensions),
        })
    }

    /// Refuses to fill a collection with what does not fit to it, before any document fails. While a
    /// remote model cannot be asked, work waits for it.
    pub(crate) async fn check_fits(&self, collection: CollectionId) -> Result<(), AppError> {
        if self.embedder().identify().await.is_err() {
            return Ok(());
        }
        self.check_model(&self.store().dataset_and_index(collection).await?.1)
    }

    async fn summary(&self, collection: Collection) -> Result<CollectionSummary, AppError> {
        let store = self.store();
        let counts = store.counts(collection.id).await?;
        let (_, index) = store.dataset_and_index(collection.id).await?;
        let formats = store.counts_by_format(collection.id).await?;
        let formats = formats.into_iter().map(|(status, mime, count)| FormatCount { status, mime, count }).collect();
        Ok(CollectionSummary { collection, counts, model: index.model, dimensions: index.dimensions, formats })
    }
}
