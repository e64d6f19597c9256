//! Counts are those of the rows, and rows outlive the process.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use semantik_core::collection::CollectionCounts;
use semantik_core::document::{DocumentStatus, Reason, SkipReason};
use semantik_core::id::{DocumentId, OperationId};
use semantik_core::job::{JobStatus, LEASE_MS};
use semantik_core::operation::Progress;

use super::bench::{Bench, ending, extracted, failure};
use super::{Need, Outcome};
use crate::{Commit, DocumentChange, DocumentFilter, JobOutcome, ReplaceChunks, StoreError};

pub(super) const NEEDS: &[Need] = &[Need::Durable];

pub(super) async fn counts_equal_rows_after_random_work(b: Bench) -> Outcome {
    let mut random = StdRng::seed_from_u64(7);
    let operations = [b.operation(20).await?, b.operation(20).await?, b.operation(0).await?];
    let mut documents: Vec<DocumentId> = Vec::new();
    for step in 0..300 {
        work(&b, &mut random, step, &operations, &mut documents).await?;
    }
    assert_eq!(b.store.counts(b.collection).await?, counted(&b).await?);
    for id in operations {
        let (told, rows) = (b.store.operation(id).await?.progress, progress(&b, id).await?);
        assert_eq!(
            (told.jobs_total, told.jobs_done, told.jobs_failed),
            (rows.jobs_total, rows.jobs_done, rows.jobs_failed)
        );
    }
    assert_eq!(b.store.verify().await?, Vec::<String>::new());
    Ok(())
}

async fn work(
    b: &Bench,
    random: &mut StdRng,
    step: u32,
    operations: &[OperationId],
    documents: &mut Vec<DocumentId>,
) -> Outcome {
    let operation = operations[random.random_range(0..operations.len())];
    let any = |random: &mut StdRng| documents.get(random.random_range(0..documents.len().max(1))).copied();
    let (first, second) = (any(random), any(random));
    match (random.random_range(0..9), first, second) {
        (0..=2, ..) | (_, None, _) | (_, _, None) => {
            let mut document = b.new_document(&format!("d/{step}"));
            document.parent = first.filter(|_| step.is_multiple_of(3));
            document.size = u64::from(step);
            let (id, job) = (document.id, b.job_for(operation, document.id));
            documents.push(id);
            let parentless = document.parent.is_none();
            let commit = Commit { new_documents: vec![document], jobs: vec![job], ..Commit::default() };
            match b.store.commit(commit).await {
                // The parent may be gone.
                Err(StoreError::InvalidState { .. }) if !parentless => Ok(()),
                other => other,
            }
        }
        (3 | 4, Some(id), Some(_)) => {
            let chunks = (0..random.random_range(0..5)).map(|n| b.chunk(id, n, &format!("{}", step % 4))).collect();
            let replace_chunks = vec![ReplaceChunks { document: id, dataset: b.dataset, chunks }];
            b.store
                .commit(Commit { documents: vec![extracted(id, "text/plain")], replace_chunks, ..Commit::default() })
                .await
        }
        (5, Some(id), Some(other)) => {
            let (indexed, unindexed) = (b.store.chunk_ids_of(id).await?, b.store.chunk_ids_of(other).await?);
            b.store.commit(Commit { indexed, unindexed, ..Commit::default() }).await
        }
        (6, Some(id), Some(other)) => {
            let reason = Reason::Skipped { policy: SkipReason::Empty, message: "empty".into() };
            let ended = DocumentChange::Ended { id, reason, mime: None, content_hash: None };
            let change = if step.is_multiple_of(4) {
                DocumentChange::Removed(other)
            } else {
                DocumentChange::Reopened { id: other, size: 3, modified_at: None }
            };
            b.store.commit(Commit { documents: vec![ended, change], ..Commit::default() }).await
        }
        (..) => run_jobs(b, random).await,
    }
}

async fn run_jobs(b: &Bench, random: &mut StdRng) -> Outcome {
    for job in b.claim(6).await? {
        let outcome = match random.random_range(0..7) {
            0 => failure(true),
            1 => failure(false),
            2 => JobOutcome::Released,
            3 => JobOutcome::Skipped("no".into()),
            // Its lease is left to run out.
            4 => continue,
            _ => JobOutcome::Success,
        };
        b.store.commit(ending(&job, outcome)).await?;
    }
    b.clock.advance(LEASE_MS / 2);
    b.store.reap(None).await?;
    Ok(())
}

async fn counted(b: &Bench) -> Result<CollectionCounts, StoreError> {
    let mut counts = CollectionCounts::default();
    let page = b
        .store
        .list_documents(&DocumentFilter { collection: Some(b.collection), ..DocumentFilter::default() }, None, 1000)
        .await?;
    for document in page.documents {
        counts.documents += 1;
        counts.bytes += document.size;
        match document.status {
            DocumentStatus::Pending => counts.pending += 1,
            DocumentStatus::Processing => counts.processing += 1,
            DocumentStatus::Completed => counts.completed += 1,
            DocumentStatus::Failed => counts.failed += 1,
            DocumentStatus::Skipped => counts.skipped += 1,
            DocumentStatus::Deleting => {}
        }
    }
    for chunk in b.store.chunk_refs(b.dataset, None, 10_000).await? {
        counts.chunks += 1;
        counts.indexed_chunks += u64::from(chunk.indexed);
    }
    Ok(counts)
}

async fn progress(b: &Bench, operation: OperationId) -> Result<Progress, StoreError> {
    let mut progress = Progress::default();
    for job in b.store.jobs(Some(operation), None, 1000).await? {
        progress.jobs_total += 1;
        progress.jobs_done += u64::from(matches!(job.status, JobStatus::Success | JobStatus::Skipped));
        progress.jobs_failed += u64::from(matches!(job.status, JobStatus::Dead | JobStatus::Cancelled));
    }
    Ok(progress)
}

pub(super) async fn reopening_keeps_everything(b: Bench) -> Outcome {
    let operation = b.operation(3).await?;
    let document = b.document("x").await?;
    let claimed = b.claim_one().await?;
    let before = (b.store.document(document).await?, b.store.operation(operation).await?, b.store.collections().await?);
    let Bench { url, clock, store, collection, .. } = b;
    drop(store);
    let store = crate::open(&url, clock).await?;
    assert_eq!(
        (store.document(document).await?, store.operation(operation).await?, store.collections().await?),
        before
    );
    assert_eq!(store.sources(collection).await?.len(), 1);
    assert_eq!(store.dataset_and_index(collection).await?.1.dimensions, 384);
    assert_eq!(store.reap(Some("worker")).await?, 1);
    store.commit(ending(&claimed, JobOutcome::Success)).await.expect_err("the lease went with the process");
    Ok(())
}
