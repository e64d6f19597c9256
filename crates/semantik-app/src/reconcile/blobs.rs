//! Blobs without a row: what a crash left between storing bytes and storing the row that names them.

use std::collections::HashSet;

use semantik_core::id::DocumentId;

use crate::documents::{original_key, text_key};
use crate::{App, AppError};

/// Milliseconds between two sweeps: every blob is looked at.
const EVERY_MS: i64 = 24 * 3600 * 1000;
/// A younger document may be about to get its row.
const YOUNG_MS: i64 = 3600 * 1000;
const PAGE: usize = 1000;
const LEASE: &str = "sweep-blobs";

/// Removes blobs nobody owns, once a day; the lease that is not given back is the calendar.
pub(super) async fn sweep_when_due(app: &App) -> Result<(), AppError> {
    let holder = uuid::Uuid::new_v4().to_string();
    if !app.store().take_lease(LEASE, &holder, app.now() + EVERY_MS).await? {
        return Ok(());
    }
    for key in [text_key, original_key] {
        sweep(app, key).await?;
    }
    Ok(())
}

async fn sweep(app: &App, key: fn(DocumentId) -> String) -> Result<(), AppError> {
    let folder = key(DocumentId(uuid::Uuid::nil())).split('/').next().unwrap_or_default().to_owned();
    let mut after: Option<String> = None;
    loop {
        let keys = app.blobs().list(&folder, after.as_deref(), PAGE).await?;
        let names: Vec<&str> = keys.iter().filter_map(|key| key.rsplit('/').next()).collect();
        let Some(last) = names.last() else { return Ok(()) };
        after = Some((*last).to_owned());
        let ids: Vec<DocumentId> = names.iter().filter_map(|name| name.parse().ok()).collect();
        let known: HashSet<DocumentId> = app.store().documents_by_id(&ids).await?.iter().map(|row| row.id).collect();
        let old = app.now() - YOUNG_MS;
        for id in ids.into_iter().filter(|id| !known.contains(id) && made_at(*id).is_some_and(|at| at < old)) {
            tracing::info!(%id, folder, "a blob nobody owns is removed");
            app.blobs().delete(&key(id)).await?;
        }
    }
}

/// When a document's id was made, milliseconds since the epoch.
fn made_at(id: DocumentId) -> Option<i64> {
    let (seconds, nanos) = id.0.get_timestamp()?.to_unix();
    i64::try_from(seconds * 1000 + u64::from(nanos) / 1_000_000).ok()
}
