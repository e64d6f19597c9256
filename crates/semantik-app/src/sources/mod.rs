//! Sources of a collection: adding, listing, syncing, removing.

use std::path::Path;

use semantik_core::id::{CollectionId, SourceId};
use semantik_core::operation::{Operation, OperationKind};
use semantik_core::source::{DirectorySource, Source, SourceConfig};
use semantik_ingest::connect;
use semantik_store::Commit;

use crate::jobs::{DeleteSource, JobSpec, ScanSource};
use crate::{App, AppError, Caller};

impl App {
    /// A collection's sources.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn sources(&self, caller: &Caller, key: &str) -> Result<Vec<Source>, AppError> {
        let collection = self.find_collection(caller, key).await?;
        Ok(self.store().sources(collection.id).await?)
    }

    /// Adds a source and starts reading it. A folder that is a source already is read again with
    /// the new patterns.
    ///
    /// # Errors
    /// `source_unreadable` or `invalid_request` when it could not be read anyway, `model_mismatch`.
    pub async fn add_source(
        &self,
        caller: &Caller,
        key: &str,
        config: SourceConfig,
    ) -> Result<(Source, Operation), AppError> {
        let collection = self.find_collection(caller, key).await?.id;
        let config = match config {
            SourceConfig::Directory(directory) => SourceConfig::Directory(check_directory(directory)?),
            SourceConfig::Upload => return Err(AppError::invalid("the upload source is made by the first upload")),
        };
        self.check_fits(collection).await?;
        let source = self.source_at(collection, config).await?;
        let operation = self.begin_scan(OperationKind::Append, collection, std::slice::from_ref(&source)).await?;
        Ok((source, operation))
    }

    /// Reads every directory source of a collection again, and takes up what a cancel left waiting.
    ///
    /// # Errors
    /// `not_found`, `model_mismatch`.
    pub async fn sync(&self, caller: &Caller, key: &str) -> Result<Operation, AppError> {
        let collection = self.find_collection(caller, key).await?.id;
        self.check_fits(collection).await?;
        let sources = self.store().sources(collection).await?;
        self.begin_scan(OperationKind::Sync, collection, &sources).await
    }

    /// Removes a source with its documents.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn remove_source(&self, caller: &Caller, key: &str, id: SourceId) -> Result<Operation, AppError> {
        let collection = self.find_collection(caller, key).await?.id;
        let source = self.store().source(id).await?;
        if source.collection != collection {
            return Err(AppError::NotFound { what: format!("source {id} in this collection") });
        }
        let job = JobSpec::of(&DeleteSource { v: 1, source: id }, &id.to_string());
        self.begin(OperationKind::RemoveSource, collection, vec![job]).await
    }

    /// The source at a location, made when it is new, given new settings when it is not.
    pub(crate) async fn source_at(&self, collection: CollectionId, config: SourceConfig) -> Result<Source, AppError> {
        let known = self.store().sources(collection).await?;
        let same = |s: &&Source| s.config.kind() == config.kind() && s.config.location() == config.location();
        if let Some(mut source) = known.iter().find(same).cloned() {
            if source.config != config {
                source.config = config;
                self.store().update_source(source.clone()).await?;
            }
            return Ok(source);
        }
        let source = Source {
            id: SourceId::generate(),
            collection,
            config,
            last_scan_at: None,
            last_error: None,
            created_at: self.now(),
        };
        self.store().create_source(source.clone()).await?;
        Ok(source)
    }

    async fn begin_scan(
        &self,
        kind: OperationKind,
        collection: CollectionId,
        sources: &[Source],
    ) -> Result<Operation, AppError> {
        let jobs: Vec<JobSpec> = sources
            .iter()
            .map(|source| JobSpec::of(&ScanSource { v: 1, source: source.id }, &source.id.to_string()))
            .collect();
        let nothing_to_list = jobs.is_empty();
        let operation = self.begin(kind, collection, jobs).await?;
        if nothing_to_list {
            self.store().commit(Commit { listed: Some(operation.id), ..Commit::default() }).await?;
            return Ok(self.store().operation(operation.id).await?);
        }
        Ok(operation)
    }
}

/// Absolute, free of links on its way, readable, with patterns that parse.
fn check_directory(mut directory: DirectorySource) -> Result<DirectorySource, AppError> {
    let unreadable =
        |why: String| semantik_ingest::IngestError::SourceUnreadable { location: directory.path.clone(), why };
    let path = connect::decode_path(&directory.path);
    if !Path::new(&path).is_absolute() {
        return Err(AppError::invalid(format!("`{}` is not an absolute path", directory.path)));
    }
    let real = path.canonicalize().map_err(|error| unreadable(error.to_string()))?;
    directory.path = connect::encode_path(&real);
    connect::check_directory(&directory)?;
    Ok(directory)
}
