//! Files sent to the server.

use semantik_core::document::DocumentStatus;
use semantik_core::id::DocumentId;
use semantik_core::operation::{Operation, OperationKind};
use semantik_core::source::{Source, SourceConfig};
use semantik_store::{Commit, DocumentChange, NewDocument};

use super::{UploadFile, original_key};
use crate::collections::check_tags;
use crate::jobs::{ExtractDocument, JobSpec};
use crate::{App, AppError, Caller};

/// Files of one upload.
pub const UPLOAD_FILES: usize = 1000;

/// Files to add to a collection.
#[derive(Debug, Default)]
pub struct Upload {
    pub files: Vec<UploadFile>,
    pub tags: Vec<String>,
}

impl App {
    /// Keeps the files and starts indexing them. When this returns they are safe on disk.
    ///
    /// # Errors
    /// `invalid_request` for no file or too many, `model_mismatch`.
    pub async fn upload(&self, caller: &Caller, key: &str, upload: Upload) -> Result<Operation, AppError> {
        let collection = self.find_collection(caller, key).await?.id;
        check_tags(&upload.tags)?;
        if upload.files.is_empty() || upload.files.len() > UPLOAD_FILES {
            return Err(AppError::invalid(format!("an upload has 1 to {UPLOAD_FILES} files")));
        }
        self.check_fits(collection).await?;
        let source = self.source_at(collection, SourceConfig::Upload).await?;
        let operation = self.begin(OperationKind::Append, collection, Vec::new()).await?;
        let mut commit = Commit { listed: Some(operation.id), ..Commit::default() };
        for file in upload.files {
            let id = self.keep(&source, file, &upload.tags, &mut commit).await?;
            let job = ExtractDocument { v: 1, document: id };
            commit.jobs.push(JobSpec::of(&job, &id.to_string()).build(operation.id, collection));
        }
        self.store().commit(commit).await?;
        self.operation(caller, operation.id).await
    }

    /// Stores the bytes first: a row never points at a file that is not there.
    async fn keep(
        &self,
        source: &Source,
        file: UploadFile,
        tags: &[String],
        commit: &mut Commit,
    ) -> Result<DocumentId, AppError> {
        let (name, size) = (file.name, file.size);
        let known = self.store().documents_by_uri(source.id, std::slice::from_ref(&name)).await?;
        if known.first().is_some_and(|document| document.status == DocumentStatus::Deleting) {
            let message = format!("the document `{name}` is being deleted; upload it again in a moment");
            return Err(AppError::Conflict { message });
        }
        let id = known.first().map_or_else(DocumentId::generate, |document| document.id);
        self.blobs().put_file(&original_key(id), &file.path).await?;
        // The blob store may have taken the file itself.
        drop(file.path);
        if known.is_empty() {
            commit.new_documents.push(NewDocument {
                id,
                collection: source.collection,
                source: source.id,
                parent: None,
                uri: name.clone(),
                name: name.rsplit('/').next().unwrap_or(&name).to_owned(),
                size,
                modified_at: Some(self.now()),
                content_hash: Some(file.content_hash),
                tags: tags.to_vec(),
                status: DocumentStatus::Pending,
                reason: None,
            });
        } else {
            commit.documents.push(DocumentChange::Reopened { id, size, modified_at: Some(self.now()) });
        }
        Ok(id)
    }
}
