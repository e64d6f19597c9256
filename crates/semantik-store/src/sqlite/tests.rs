//! The suite, and what only SQLite has: migrations, files, query plans.

use std::sync::Arc;

use semantik_core::SystemClock;

use super::db::{get, rows};
use super::jobs_claim::{OF_COLLECTION, OF_DOCUMENT, TAKE};
use super::jobs_lease::WAITING;
use crate::conformance::{Bench, CASES};
use crate::{Direction, StoreError, migrate, migration_status};

fn url(folder: &tempfile::TempDir) -> String {
    format!("sqlite:{}", folder.path().join("below").join("semantik.db").display())
}

#[tokio::test]
async fn sqlite_keeps_every_promise() -> Result<(), StoreError> {
    for case in CASES {
        let folder = tempfile::tempdir().expect("a temporary folder");
        println!("{}", case.name);
        (case.run)(Bench::open(&url(&folder)).await?).await?;
    }
    Ok(())
}

#[tokio::test]
async fn migrations_go_up_down_and_up_again() -> Result<(), StoreError> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let url = url(&folder);
    for (direction, applied) in [(Direction::Up, true), (Direction::Down, false), (Direction::Up, true)] {
        migrate(&url, direction, None).await?;
        assert!(migration_status(&url).await?.iter().all(|m| m.applied == applied));
    }
    Ok(())
}

#[tokio::test]
async fn a_database_of_a_newer_program_is_refused() -> Result<(), StoreError> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let url = url(&folder);
    drop(Bench::open(&url).await?);
    let path = url.strip_prefix("sqlite:").expect("the scheme above");
    let connection = sea_orm::Database::connect(format!("sqlite://{path}")).await?;
    rows(&connection, "INSERT INTO seaql_migrations VALUES ('m9999_future', 0) RETURNING version", []).await?;
    let refused = crate::open(&url, Arc::new(SystemClock)).await.err().expect("a refusal");
    assert!(refused.to_string().contains("m9999_future"), "{refused}");
    Ok(())
}

#[tokio::test]
async fn a_file_that_is_no_database_is_called_damaged() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("x.db");
    std::fs::write(&path, vec![7; 8192]).expect("a writable folder");
    let opened = crate::open(&format!("sqlite:{}", path.display()), Arc::new(SystemClock)).await;
    assert!(matches!(opened.err(), Some(StoreError::Corrupt(_))));
}

/// The hot queries must never walk a table.
#[tokio::test]
async fn hot_queries_are_answered_by_an_index() -> Result<(), StoreError> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let url = url(&folder);
    migrate(&url, Direction::Up, None).await?;
    let path = url.strip_prefix("sqlite:").expect("the scheme above");
    let connection = sea_orm::Database::connect(format!("sqlite://{path}")).await?;
    let of_document = [TAKE, WAITING].map(|sql| format!("{sql} AND {OF_DOCUMENT} AND operation > ?"));
    let of_collection = [TAKE, WAITING].map(|sql| format!("{sql} AND {OF_COLLECTION} AND operation > ?"));
    for sql in &of_document {
        assert_eq!(plan(&connection, sql).await?, ["SEARCH job USING INDEX job_document (document=?)"], "{sql}");
    }
    for sql in &of_collection {
        assert_eq!(plan(&connection, sql).await?, ["SEARCH job USING INDEX job_pending (queue=?)"], "{sql}");
    }
    for sql in [
        "SELECT 1 FROM job WHERE status = 'pending' AND queue = ? AND run_at <= ? LIMIT 1",
        "UPDATE job SET ready = 1 WHERE status = 'pending' AND ready = 0 AND queue = ? AND run_at <= ?",
        "SELECT priority FROM job WHERE ready = 1 AND queue = ? AND priority <= ? ORDER BY priority DESC LIMIT 1",
        "SELECT operation FROM job WHERE ready = 1 AND queue = ? AND priority = ? AND operation > ? ORDER BY operation LIMIT 1",
        "UPDATE job SET ready = 0 WHERE id IN (SELECT id FROM job WHERE ready = 1 AND queue = ? AND priority = ? AND operation = ? ORDER BY id LIMIT ?)",
        "SELECT id FROM job WHERE ready = 2 AND queue = ? AND priority >= ? ORDER BY priority DESC, id LIMIT 1",
        "SELECT id FROM job WHERE status = 'processing' AND lease_until < ? LIMIT ?",
        "SELECT * FROM job WHERE operation = ? ORDER BY id DESC LIMIT 10",
        "SELECT * FROM chunk WHERE document = ? AND ordinal >= ? ORDER BY ordinal LIMIT ?",
        "SELECT id, document, indexed FROM chunk WHERE dataset = ? AND id > ? ORDER BY id LIMIT ?",
        "SELECT * FROM chunk WHERE id IN (SELECT unhex(value) FROM json_each(?))",
        "DELETE FROM chunk WHERE document = ? AND +dataset = ? AND id NOT IN (SELECT unhex(value) FROM json_each(?))",
        "SELECT 1 FROM chunk WHERE chunk.document = ? AND indexed = 0",
        "SELECT status, mime, COUNT(*) FROM document WHERE collection = ? GROUP BY status, mime",
        "SELECT * FROM document WHERE source = ? AND uri IN (SELECT value FROM json_each(?))",
        "SELECT * FROM document WHERE collection = ? AND id > ? ORDER BY id LIMIT 50",
        "SELECT * FROM document WHERE id > ? AND collection = ? AND status = ? ORDER BY id LIMIT 50",
        "SELECT id FROM document WHERE source = ? AND content_hash = ? AND status = 'completed' AND parent IS NULL",
        "SELECT kind, rows FROM tally WHERE owner = ?",
    ] {
        for detail in plan(&connection, sql).await? {
            assert!(!sql.starts_with("DELETE FROM chunk") || !detail.contains("chunk_dataset"), "{sql}: {detail}");
            assert!(!detail.starts_with("SCAN") || detail.contains("json_each"), "{sql}: {detail}");
            assert!(!detail.contains("TEMP B-TREE FOR ORDER"), "{sql}: {detail}");
        }
    }
    Ok(())
}

async fn plan(connection: &impl sea_orm::ConnectionTrait, sql: &str) -> Result<Vec<String>, StoreError> {
    let steps = rows(connection, &format!("EXPLAIN QUERY PLAN {sql}"), []).await?;
    steps.iter().map(|row| get(row, "detail")).collect()
}
