//! The life of an operation.

use semantik_core::document::DocumentStatus;
use semantik_core::id::OperationId;
use semantik_core::job::{JobQueue, NewJob};
use semantik_core::operation::{OperationKind, OperationStatus};

use super::bench::{Bench, ending, extracted, failure};
use super::{Need, Outcome};
use crate::{Commit, DocumentChange, JobOutcome, LeaseState, ReplaceChunks, StoreError};

pub(super) const NEEDS: &[Need] = &[];

pub(super) async fn an_operation_ends_with_its_last_job(b: Bench) -> Outcome {
    let id = b.operation(1).await?;
    assert_eq!(b.store.operation(id).await?.status, OperationStatus::Pending);
    let job = b.claim_one().await?;
    assert_eq!(b.store.operation(id).await?.status, OperationStatus::Processing);
    let mut commit = ending(&job, JobOutcome::Success);
    commit.jobs.push(b.job(id, JobQueue::Extract, "follow-up"));
    b.store.commit(commit).await?;
    assert_eq!(b.store.operation(id).await?.status, OperationStatus::Processing);
    b.end(&b.claim_one().await?, JobOutcome::Skipped("nothing to do".into())).await?;
    let ended = b.store.operation(id).await?;
    assert_eq!(ended.status, OperationStatus::Completed);
    assert_eq!((ended.progress.jobs_total, ended.progress.jobs_done, ended.progress.listed), (2, 2, true));
    assert!(b.store.operations(Some(b.collection), true, 10).await?.is_empty());
    assert_eq!(b.store.operations(None, false, 10).await?.len(), 1);
    Ok(())
}

pub(super) async fn cancelling_stops_waiting_and_running_jobs(b: Bench) -> Outcome {
    let (id, document) = (b.operation(0).await?, b.document("x").await?);
    let jobs =
        vec![b.job_for(id, document), b.job(id, JobQueue::Extract, "waits"), b.job(id, JobQueue::Embed, "waits too")];
    b.store.commit(Commit { jobs, ..Default::default() }).await?;
    let running = b.claim_one().await?;
    b.store.commit(Commit { documents: vec![DocumentChange::Processing(document)], ..Default::default() }).await?;
    b.store.cancel_operation(id).await?;
    assert!(b.claim(9).await?.is_empty());
    assert_eq!(b.store.heartbeat(&[(running.id, running.token)]).await?, [LeaseState::Cancelled]);
    assert_eq!(b.store.operation(id).await?.status, OperationStatus::Processing);
    b.store.commit(Commit { jobs: vec![b.job(id, JobQueue::Extract, "late")], ..Default::default() }).await?;
    b.end(&running, failure(false)).await?;
    let ended = b.store.operation(id).await?;
    assert_eq!((ended.status, ended.progress.jobs_failed), (OperationStatus::Cancelled, 4));
    assert_eq!(b.store.document(document).await?.status, DocumentStatus::Pending);
    assert_eq!(b.store.stranded_documents(10).await?.len(), 1);
    assert!(matches!(b.store.cancel_operation(id).await, Err(StoreError::InvalidState { .. })));
    Ok(())
}

pub(super) async fn what_a_cancelled_operation_still_enqueues_waits_for_the_next_run(b: Bench) -> Outcome {
    let (older, id, document) = (b.operation(0).await?, b.operation(0).await?, b.document("x").await?);
    let jobs = vec![b.job_for(id, document)];
    b.store.commit(Commit { jobs, ..Default::default() }).await?;
    let running = b.claim_one().await?;
    let embed = |operation| NewJob { name: "embed", queue: JobQueue::Embed, ..b.job_for(operation, document) };
    b.store.commit(Commit { jobs: vec![embed(older)], ..Default::default() }).await?;
    b.store.cancel_operation(id).await?;
    let mut commit = ending(&running, JobOutcome::Success);
    commit.documents.push(extracted(document, "text/plain"));
    let chunks = vec![b.chunk(document, 0, "a")];
    commit.replace_chunks.push(ReplaceChunks { document, dataset: b.dataset, chunks });
    commit.jobs.push(embed(id));
    b.store.commit(commit).await?;
    assert_eq!(b.store.operation(id).await?.status, OperationStatus::Cancelled);
    assert_eq!(b.store.document(document).await?.status, DocumentStatus::Pending);
    let waiting = b.store.claim(JobQueue::Embed, "worker", 9).await?;
    assert_eq!(waiting.iter().map(|job| job.operation).collect::<Vec<_>>(), [older], "not taken over by a dead run");
    Ok(())
}

pub(super) async fn a_dead_scan_fails_its_operation(b: Bench) -> Outcome {
    let id = OperationId::generate();
    let job = b.job(id, JobQueue::Scan, "scan");
    b.store.create_operation(id, OperationKind::Sync, b.collection, vec![job]).await?;
    let job = b.store.claim(JobQueue::Scan, "worker", 1).await?.pop().expect("a scan");
    b.end(&job, failure(true)).await?;
    let ended = b.store.operation(id).await?;
    assert_eq!((ended.status, ended.message.as_deref()), (OperationStatus::Failed, Some("broken")));
    Ok(())
}

pub(super) async fn deleting_a_collection_lets_its_operation_end(b: Bench) -> Outcome {
    let other = b.operation(3).await?;
    b.document("x").await?;
    let id = OperationId::generate();
    let job = b.job(id, JobQueue::Maintain, "delete");
    b.store.create_operation(id, OperationKind::Delete, b.collection, vec![job]).await?;
    let job = b.store.claim(JobQueue::Maintain, "worker", 1).await?.pop().expect("a job");
    b.store.remove_collection(b.collection).await?;
    b.end(&job, JobOutcome::Success).await?;
    assert_eq!(b.store.operation(id).await?.status, OperationStatus::Completed);
    assert!(matches!(b.store.operation(other).await, Err(StoreError::NotFound { .. })));
    assert!(matches!(b.store.collection(b.collection).await, Err(StoreError::NotFound { .. })));
    assert!(b.store.collection_by_name("papers").await?.is_none());
    Ok(())
}
