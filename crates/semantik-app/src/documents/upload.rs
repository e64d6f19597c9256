//! Files sent to the server.

use semantik_core::document::DocumentStatus;
use semantik_core::id::DocumentId;
use semantik_core::operation::{Operation, OperationKind};
use semantik_core::source::{Source, SourceConfig};
use semantik_store::{Commit, DocumentChange, NewDocument};
use sha2::{Digest, Sha256};

use super::original_key;
use crate::collections::check_tags;
use crate::jobs::{ExtractDocument, JobSpec};
use crate::{App, AppError, Caller};

const FILES: usize = 1000;

/// Files to add to a collection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Upload {
    pub files: Vec<UploadFile>,
    pub tags: Vec<String>,
}

/// One file. The same name again replaces the earlier file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadFile {
    pub name: String,
    pub bytes: Vec<u8>,
}

impl App {
    /// Keeps the files and starts indexing them. When this returns they are safe on disk.
    ///
    /// # Errors
    /// `invalid_request` for no file or a bad name, `file_too_large`.
    pub async fn upload(&self, caller: &Caller, key: &str, upload: Upload) -> Result<Operation, AppError> {
        let collection = self.find_collection(caller, key).await?.id;
        check_tags(&upload.tags)?;
        if upload.files.is_empty() || upload.files.len() > FILES {
            return Err(AppError::invalid(format!("an upload has 1 to {FILES} files")));
        }
        let most = self.config().extract.max_file_mb * 1024 * 1024;
        for file in &upload.files {
            check_file_name(&file.name)?;
            if file.bytes.len() as u64 > most {
                let message = format!(
                    "`{}` is larger than {} MB; raise MAX_FILE_SIZE_MB",
                    file.name,
                    self.config().extract.max_file_mb
                );
                return Err(AppError::TooLarge { message });
            }
        }
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
        let (name, size) = (file.name, file.bytes.len() as u64);
        let known = self.store().documents_by_uri(source.id, std::slice::from_ref(&name)).await?;
        let content_hash = hex(&Sha256::digest(&file.bytes));
        let id = known.first().map_or_else(DocumentId::generate, |document| document.id);
        self.blobs().put(&original_key(id), file.bytes).await?;
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
                content_hash: Some(content_hash),
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

fn check_file_name(name: &str) -> Result<(), AppError> {
    let good = !name.is_empty()
        && name.len() <= 1024
        && !name.chars().any(char::is_control)
        && name.split('/').all(|part| !part.is_empty() && part != "." && part != "..");
    if good {
        Ok(())
    } else {
        Err(AppError::invalid("a file name has 1 to 1024 bytes, no control characters and no `..`"))
    }
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
