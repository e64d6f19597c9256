//! Deleting a collection: asked for here, done by a job.

use semantik_core::collection::CollectionStatus;
use semantik_core::operation::{Operation, OperationKind};

use crate::jobs::{DeleteCollection, JobSpec};
use crate::{App, AppError, Caller};

impl App {
    /// Deletes a collection with everything in it. Files of directory sources are never touched.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn delete_collection(&self, caller: &Caller, key: &str) -> Result<Operation, AppError> {
        let mut collection = self.find_collection(caller, key).await?;
        collection.status = CollectionStatus::Deleting;
        collection.updated_at = self.now();
        let id = collection.id;
        self.store().update_collection(collection).await?;
        for operation in self.store().operations(Some(id), true, 1000).await? {
            self.cancel_operation(caller, operation.id).await?;
        }
        self.begin(
            OperationKind::Delete,
            id,
            vec![JobSpec::of(&DeleteCollection { v: 1, collection: id }, "collection")],
        )
        .await
    }
}
