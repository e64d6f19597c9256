//! Connections, transactions and the few helpers every query goes through.

use std::collections::HashMap;
use std::str::FromStr;
use std::sync::{Arc, Mutex as SyncMutex};

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, QueryResult, SqliteTransactionMode, Statement,
    TransactionOptions, TransactionTrait, TryGetable, Value,
};
use semantik_core::job::JobQueue;
use semantik_core::{Clock, Timestamp};
use tokio::sync::{Mutex, MutexGuard, broadcast};
use uuid::Uuid;

use super::error::corrupt;
use crate::{Change, StoreError};

const CHANGES_KEPT: usize = 1024;

/// The engine.
pub(super) struct SqliteStore {
    writer: Mutex<DatabaseConnection>,
    pub(super) readers: DatabaseConnection,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) changes: broadcast::Sender<Change>,
    /// The operation each queue served last; where the next turn begins.
    pub(super) turns: SyncMutex<HashMap<JobQueue, Uuid>>,
}

impl SqliteStore {
    pub(super) fn new(writer: DatabaseConnection, readers: DatabaseConnection, clock: Arc<dyn Clock>) -> Self {
        let (changes, _) = broadcast::channel(CHANGES_KEPT);
        Self { writer: Mutex::new(writer), readers, clock, changes, turns: SyncMutex::default() }
    }

    /// The only way to write: waits for the one writer, then takes SQLite's write lock at once.
    pub(super) async fn begin(&self) -> Result<Tx<'_>, StoreError> {
        let writer = self.writer.lock().await;
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let transaction = writer.begin_with_options(options).await?;
        Ok(Tx { transaction, now: self.clock.now(), news: Vec::new(), changes: &self.changes, _writer: writer })
    }
}

/// A write transaction. Dropped without [`Tx::commit`], nothing happened.
pub(super) struct Tx<'a> {
    transaction: DatabaseTransaction,
    pub(super) now: Timestamp,
    news: Vec<Change>,
    changes: &'a broadcast::Sender<Change>,
    // Last, so that the transaction is over before the next writer begins.
    _writer: MutexGuard<'a, DatabaseConnection>,
}

impl Tx<'_> {
    /// Remembers what to tell once it is true.
    pub(super) fn tell(&mut self, change: Change) {
        if !self.news.contains(&change) {
            self.news.push(change);
        }
    }

    pub(super) async fn commit(self) -> Result<(), StoreError> {
        self.transaction.commit().await?;
        for change in self.news {
            // Nobody listening is fine.
            let _listeners = self.changes.send(change);
        }
        Ok(())
    }

    /// Runs a statement; how many rows it changed.
    pub(super) async fn exec<const N: usize>(&self, sql: &str, values: [Value; N]) -> Result<u64, StoreError> {
        Ok(self.transaction.execute_raw(statement(sql, values)).await?.rows_affected())
    }

    pub(super) async fn rows<const N: usize>(
        &self,
        sql: &str,
        values: [Value; N],
    ) -> Result<Vec<QueryResult>, StoreError> {
        rows(&self.transaction, sql, values).await
    }

    pub(super) async fn row<const N: usize>(
        &self,
        sql: &str,
        values: [Value; N],
    ) -> Result<Option<QueryResult>, StoreError> {
        Ok(self.rows(sql, values).await?.into_iter().next())
    }
}

pub(super) async fn rows(
    connection: &impl ConnectionTrait,
    sql: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<Vec<QueryResult>, StoreError> {
    Ok(connection.query_all_raw(statement(sql, values)).await?)
}

pub(super) async fn row(
    connection: &impl ConnectionTrait,
    sql: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<Option<QueryResult>, StoreError> {
    Ok(rows(connection, sql, values).await?.into_iter().next())
}

fn statement(sql: &str, values: impl IntoIterator<Item = Value>) -> Statement {
    Statement::from_sql_and_values(DbBackend::Sqlite, sql, values)
}

/// A column as it is stored.
pub(super) fn get<T: TryGetable>(row: &QueryResult, column: &str) -> Result<T, StoreError> {
    row.try_get("", column).map_err(corrupt)
}

/// A column that holds the stable name of something.
pub(super) fn named<T: FromStr<Err: std::fmt::Display>>(row: &QueryResult, column: &str) -> Result<T, StoreError> {
    get::<String>(row, column)?.parse().map_err(corrupt)
}

/// A column that holds JSON.
pub(super) fn json<T: serde::de::DeserializeOwned>(row: &QueryResult, column: &str) -> Result<T, StoreError> {
    serde_json::from_str(&get::<String>(row, column)?).map_err(corrupt)
}

/// A column that holds JSON or nothing.
pub(super) fn json_maybe<T: serde::de::DeserializeOwned>(
    row: &QueryResult,
    column: &str,
) -> Result<Option<T>, StoreError> {
    get::<Option<String>>(row, column)?.map(|text| serde_json::from_str(&text)).transpose().map_err(corrupt)
}

/// A column that is never negative.
pub(super) fn count(row: &QueryResult, column: &str) -> Result<u64, StoreError> {
    u64::try_from(get::<i64>(row, column)?).map_err(corrupt)
}

/// A value as JSON text.
pub(super) fn to_json(value: &impl serde::Serialize) -> Result<Value, StoreError> {
    serde_json::to_string(value).map(Value::from).map_err(corrupt)
}

/// Ids for `IN (SELECT unhex(value) FROM json_each(?))`: one statement whatever their number.
pub(super) fn id_list(ids: impl IntoIterator<Item = Uuid>) -> Value {
    let hex: Vec<String> = ids.into_iter().map(|id| id.simple().to_string()).collect();
    Value::from(serde_json::Value::from(hex).to_string())
}

/// SQLite has no unsigned numbers; sizes beyond 8 EiB do not occur.
pub(super) fn number(value: impl TryInto<i64>) -> Value {
    Value::from(value.try_into().unwrap_or(i64::MAX))
}
