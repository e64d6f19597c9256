//! Opening, connection settings and migrations.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sea_orm::sqlx::ConnectOptions;
use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sea_orm::{DatabaseConnection, SqlxSqliteConnector};
use sea_orm_migration::{MigrationStatus, MigratorTrait};
use semantik_core::Clock;

use super::db::{SqliteStore, get, rows};
use super::error::from_sqlx;
use super::migrations::Migrator;
use crate::{Direction, MigrationState, Store, StoreError};

const READERS: u32 = 4;
const CACHED_STATEMENTS: usize = 256;

/// Opens, migrates to the newest schema and refuses a database of a newer program.
pub(crate) async fn open(path: &Path, clock: Arc<dyn Clock>) -> Result<Arc<dyn Store>, StoreError> {
    let (writer, readers) = connect_all(path, SqliteSynchronous::Normal).await?;
    refuse_newer::<Migrator>(&writer).await?;
    Migrator::up(&writer, None).await?;
    Ok(Arc::new(SqliteStore::new(writer, readers, clock)))
}

pub(crate) async fn migrate(path: &Path, direction: Direction, steps: Option<u32>) -> Result<(), StoreError> {
    let writer = connect(path, 1, SqliteSynchronous::Normal).await?;
    refuse_newer::<Migrator>(&writer).await?;
    match direction {
        Direction::Up => Migrator::up(&writer, steps).await?,
        Direction::Down => Migrator::down(&writer, steps).await?,
    }
    Ok(writer.close().await?)
}

pub(crate) async fn migration_status(path: &Path) -> Result<Vec<MigrationState>, StoreError> {
    let writer = connect(path, 1, SqliteSynchronous::Normal).await?;
    refuse_newer::<Migrator>(&writer).await?;
    let known = Migrator::get_migration_with_status(&writer).await?;
    let state = |m: &sea_orm_migration::Migration| MigrationState {
        name: m.name().to_owned(),
        applied: m.status() == MigrationStatus::Applied,
    };
    Ok(known.iter().map(state).collect())
}

/// The writer and the readers of a file.
pub(super) async fn connect_all(
    path: &Path,
    synchronous: SqliteSynchronous,
) -> Result<(DatabaseConnection, DatabaseConnection), StoreError> {
    Ok((connect(path, 1, synchronous).await?, connect(path, READERS, synchronous).await?))
}

async fn connect(
    path: &Path,
    connections: u32,
    synchronous: SqliteSynchronous,
) -> Result<DatabaseConnection, StoreError> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|e| match e.kind() {
            std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => StoreError::ReadOnly,
            _ => StoreError::Unavailable(format!("{}: {e}", folder.display())),
        })?;
    }
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(synchronous)
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(10))
        .statement_cache_capacity(CACHED_STATEMENTS)
        .pragma("cache_size", "-32768")
        .pragma("mmap_size", "268435456")
        .pragma("temp_store", "memory")
        .pragma("journal_size_limit", "67108864")
        .disable_statement_logging();
    let pool = SqlitePoolOptions::new()
        .max_connections(connections)
        .min_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .acquire_timeout(Duration::from_secs(60))
        .test_before_acquire(false)
        .connect_with(options)
        .await
        .map_err(|e| from_sqlx(&e))?;
    Ok(SqlxSqliteConnector::from_sqlx_sqlite_pool(pool))
}

/// A schema this program does not know must not be written to.
pub(super) async fn refuse_newer<M: MigratorTrait>(connection: &DatabaseConnection) -> Result<(), StoreError> {
    let table = "SELECT name FROM sqlite_master WHERE type = 'table' AND name = 'seaql_migrations'";
    if rows(connection, table, []).await?.is_empty() {
        return Ok(());
    }
    let known = M::migrations();
    for row in rows(connection, "SELECT version FROM seaql_migrations ORDER BY version", []).await? {
        let version: String = get(&row, "version")?;
        if !known.iter().any(|m| m.name() == version) {
            return Err(StoreError::Unavailable(format!(
                "the database has migration `{version}`, which this program does not know; \
                 use the newer program that wrote it, or restore a backup"
            )));
        }
    }
    Ok(())
}
