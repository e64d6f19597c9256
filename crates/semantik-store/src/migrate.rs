//! Schema versions as operators see them: what is applied, what waits, up and down.

use std::path::Path;

use crate::{StoreError, sqlite};

/// Which way to migrate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    Up,
    Down,
}

/// One migration and whether the database has it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct MigrationState {
    pub name: String,
    pub applied: bool,
}

/// Applies (or takes back) up to `steps` migrations, all when `None`.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database is newer than this program or cannot be opened.
pub async fn migrate(url: &str, direction: Direction, steps: Option<u32>) -> Result<(), StoreError> {
    sqlite::migrate(sqlite_path(url)?, direction, steps).await
}

/// Every migration this program knows, oldest first.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database is newer than this program or cannot be opened.
pub async fn migration_status(url: &str) -> Result<Vec<MigrationState>, StoreError> {
    sqlite::migration_status(sqlite_path(url)?).await
}

fn sqlite_path(url: &str) -> Result<&Path, StoreError> {
    url.strip_prefix("sqlite:").map(Path::new).ok_or(StoreError::UnsupportedUrl)
}
