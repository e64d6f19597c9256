//! Leases that are lost, and those that are not.

use semantik_core::document::{DocumentStatus, Reason};
use semantik_core::job::{JobQueue, JobStatus, LEASE_MS, MAX_ATTEMPTS};
use semantik_core::{Clock, ErrorCode};

use super::bench::{Bench, ending};
use super::{Need, Outcome};
use crate::{DocumentChange, JobOutcome, LeaseState, StoreError};

pub(super) const NEEDS: &[Need] = &[];

pub(super) async fn a_lost_lease_gives_the_job_back(b: Bench) -> Outcome {
    b.operation(1).await?;
    let lost = b.claim_one().await?;
    assert!(b.claim(1).await?.is_empty());
    assert_eq!(b.store.reap(None).await?, 0);
    b.clock.advance(LEASE_MS - 1);
    assert_eq!(b.store.heartbeat(&[(lost.id, lost.token)]).await?, [LeaseState::Held]);
    b.clock.advance(LEASE_MS + 1);
    assert_eq!(b.store.heartbeat(&[(lost.id, lost.token)]).await?, [LeaseState::Held], "expired, but nobody took it");
    b.clock.advance(LEASE_MS + 1);
    assert_eq!(b.store.reap(None).await?, 1);
    assert_eq!(b.store.heartbeat(&[(lost.id, lost.token)]).await?, [LeaseState::Lost]);
    let again = b.claim_one().await?;
    assert_eq!((again.id, again.attempt), (lost.id, 2));
    Ok(())
}

pub(super) async fn the_token_of_a_lost_lease_is_refused_with_its_whole_commit(b: Bench) -> Outcome {
    b.operation(1).await?;
    let lost = b.claim_one().await?;
    b.clock.advance(LEASE_MS + 1);
    b.store.reap(None).await?;
    let current = b.claim_one().await?;
    let document = b.new_document("x");
    let id = document.id;
    let mut commit = ending(&lost, JobOutcome::Success);
    commit.new_documents.push(document);
    assert!(matches!(b.store.commit(commit).await, Err(StoreError::LeaseLost { .. })));
    assert!(matches!(b.store.document(id).await, Err(StoreError::NotFound { .. })));
    b.end(&current, JobOutcome::Success).await
}

pub(super) async fn a_crash_burial_fails_the_document(b: Bench) -> Outcome {
    let (operation, document) = (b.operation(0).await?, b.document("x").await?);
    let jobs = vec![b.job_for(operation, document)];
    b.store.commit(crate::Commit { jobs, ..Default::default() }).await?;
    let mut last = None;
    for attempt in 1..=MAX_ATTEMPTS {
        let job = b.claim_one().await?;
        assert_eq!(job.attempt, attempt);
        b.clock.advance(LEASE_MS + 1);
        assert_eq!(b.store.reap(None).await?, 1);
        last = Some(job.id);
    }
    assert!(b.claim(1).await?.is_empty());
    let found = b.store.document(document).await?;
    assert_eq!(found.status, DocumentStatus::Failed);
    assert!(matches!(found.reason, Some(Reason::Failed { code: ErrorCode::ExtractCrashed, .. })));
    b.store.replay(last.expect("five attempts")).await?;
    assert_eq!(b.store.document(document).await?.status, DocumentStatus::Pending);
    assert_eq!(b.claim_one().await?.attempt, 1);
    Ok(())
}

pub(super) async fn poison_travels_alone(b: Bench) -> Outcome {
    b.operation(6).await?;
    let lost = b.claim(2).await?;
    b.clock.advance(LEASE_MS + 1);
    assert_eq!(b.store.reap(None).await?, 2);
    let first = b.claim(64).await?;
    assert_eq!(first.iter().map(|j| j.id).collect::<Vec<_>>(), [lost[0].id]);
    b.end(&first[0], JobOutcome::Released).await?;
    let again = b.claim(64).await?;
    assert_eq!(again.iter().map(|j| j.id).collect::<Vec<_>>(), [lost[0].id]);
    assert_eq!(b.claim(64).await?.len(), 1);
    assert_eq!(b.claim(64).await?.len(), 4);
    Ok(())
}

pub(super) async fn a_checkpoint_forgives_lost_leases(b: Bench) -> Outcome {
    b.operation(2).await?;
    for round in 0..=MAX_ATTEMPTS + 1 {
        let jobs = b.claim(2).await?;
        assert_eq!(jobs.len(), 2, "not alone, since it advanced");
        for job in &jobs {
            assert_eq!(job.checkpoint, (round > 0).then(|| serde_json::json!({ "page": round - 1 })));
            b.store.checkpoint(job.id, job.token, serde_json::json!({ "page": round })).await?;
            b.end(job, JobOutcome::Released).await?;
        }
    }
    let job = b.claim_one().await?;
    assert_eq!(job.attempt, 1);
    b.clock.advance(LEASE_MS + 1);
    b.store.reap(None).await?;
    let state = serde_json::json!({});
    assert!(matches!(b.store.checkpoint(job.id, job.token, state).await, Err(StoreError::LeaseLost { .. })));
    Ok(())
}

pub(super) async fn a_start_after_a_crash_takes_its_own_leases_back(b: Bench) -> Outcome {
    b.operation(2).await?;
    let mine = b.claim_one().await?;
    let other = b.store.claim(JobQueue::Extract, "other", 1).await?;
    assert_eq!(b.store.reap(Some("worker")).await?, 1);
    assert_eq!(
        b.store.heartbeat(&[(mine.id, mine.token), (other[0].id, other[0].token)]).await?,
        [LeaseState::Lost, LeaseState::Held]
    );
    let operation = b.operation(0).await?;
    let document = b.document("y").await?;
    b.store
        .commit(crate::Commit {
            jobs: vec![b.job_for(operation, document)],
            documents: vec![DocumentChange::Processing(document)],
            ..Default::default()
        })
        .await?;
    assert_eq!(b.store.jobs(Some(operation), Some(JobStatus::Pending), 10).await?.len(), 1);
    Ok(())
}

pub(super) async fn a_lost_job_is_left_to_the_newer_run_that_waits(b: Bench) -> Outcome {
    let document = b.document("x").await?;
    let mut lost = Vec::new();
    for _ in 0..2 {
        let operation = b.operation(0).await?;
        let jobs = vec![b.job(operation, JobQueue::Extract, "listing"), b.job_for(operation, document)];
        b.store.commit(crate::Commit { jobs, ..Default::default() }).await?;
        lost.push(operation);
        b.claim(2).await?;
    }
    assert_eq!(b.store.reap(Some("worker")).await?, 4);
    assert_eq!(b.store.jobs(Some(lost[0]), Some(JobStatus::Skipped), 10).await?.len(), 2);
    assert!(b.store.operation(lost[0]).await?.ended_at.is_some());
    let again = [b.claim_one().await?, b.claim_one().await?];
    assert!(again.iter().all(|job| job.operation == lost[1]));
    assert!(b.claim(9).await?.is_empty());
    Ok(())
}

pub(super) async fn a_named_lease_has_one_holder(b: Bench) -> Outcome {
    let until = b.clock.now() + 1000;
    assert!(b.store.take_lease("beat", "a", until).await?);
    assert!(!b.store.take_lease("beat", "b", until).await?);
    assert!(b.store.take_lease("beat", "a", until + 1).await?);
    b.clock.advance(1001);
    assert!(b.store.take_lease("beat", "b", until + 5000).await?);
    assert!(!b.store.take_lease("beat", "a", until + 5000).await?);
    Ok(())
}
