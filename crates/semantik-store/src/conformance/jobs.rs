//! Retries, dead letters, order and fairness.

use std::collections::HashMap;

use semantik_core::ErrorCode;
use semantik_core::id::OperationId;
use semantik_core::job::{DELAY_S, JobFailure, JobQueue, JobStatus, RETRY_DELAYS_S};
use semantik_core::operation::OperationStatus;

use super::bench::{Bench, failure};
use super::{Need, Outcome};
use crate::{Change, Commit, JobOutcome, StoreError};

pub(super) const NEEDS: &[Need] = &[];

pub(super) async fn a_transient_failure_waits_longer_each_time_and_dies_in_the_end(b: Bench) -> Outcome {
    b.operation(1).await?;
    for delay in RETRY_DELAYS_S {
        let job = b.claim_one().await?;
        b.end(&job, failure(false)).await?;
        assert!(b.claim(1).await?.is_empty());
        let wait = b.store.next_run_in(JobQueue::Extract).await?.expect("it waits");
        assert!((delay * 800..=delay * 1200).contains(&wait), "{wait} ms for {delay} s");
        assert_eq!(b.store.queue_stats(JobQueue::Extract).await?.delayed, 1);
        b.clock.advance(i64::try_from(wait).expect("a short wait"));
    }
    let job = b.claim_one().await?;
    assert_eq!(job.attempt, 5);
    b.end(&job, failure(false)).await?;
    assert_eq!(b.store.next_run_in(JobQueue::Extract).await?, None);
    assert_eq!(b.store.queue_stats(JobQueue::Extract).await?.dead, 1);
    Ok(())
}

pub(super) async fn a_dead_job_can_be_replayed(b: Bench) -> Outcome {
    let operation = b.operation(1).await?;
    let job = b.claim_one().await?;
    b.end(&job, failure(true)).await?;
    let dead = b.store.jobs(None, Some(JobStatus::Dead), 10).await?;
    assert_eq!((dead[0].id, dead[0].error_code.as_deref()), (job.id, Some("document_broken")));
    assert_eq!(b.store.operation(operation).await?.status, OperationStatus::Completed);
    b.store.replay(job.id).await?;
    assert_eq!(b.store.operation(operation).await?.status, OperationStatus::Processing);
    assert!(matches!(b.store.replay(job.id).await, Err(StoreError::InvalidState { .. })));
    let again = b.claim_one().await?;
    assert_eq!((again.id, again.attempt), (job.id, 1));
    b.end(&again, JobOutcome::Success).await
}

pub(super) async fn a_released_job_keeps_its_attempts(b: Bench) -> Outcome {
    b.operation(1).await?;
    for _ in 0..8 {
        let job = b.claim_one().await?;
        assert_eq!(job.attempt, 1);
        b.end(&job, JobOutcome::Released).await?;
    }
    Ok(())
}

pub(super) async fn a_delayed_job_waits_and_keeps_its_attempts(b: Bench) -> Outcome {
    b.operation(2).await?;
    let mut job = b.claim_one().await?;
    for _ in 0..8 {
        let failure = JobFailure { code: ErrorCode::ModelMismatch, message: "another".into(), permanent: false };
        b.end(&job, JobOutcome::Delayed(failure)).await?;
        let others = b.claim(2).await?;
        assert!(others.len() == 1 && others[0].id != job.id, "it lets others by");
        b.end(&others[0], JobOutcome::Released).await?;
        b.clock.advance(DELAY_S * 1000);
        let (again, other): (Vec<_>, Vec<_>) = b.claim(2).await?.into_iter().partition(|due| due.id == job.id);
        b.end(&other[0], JobOutcome::Released).await?;
        assert_eq!((again.len(), again[0].attempt), (1, 1), "it is tried again as if for the first time");
        job = again[0].clone();
    }
    Ok(())
}

pub(super) async fn enqueueing_twice_is_enqueueing_once(b: Bench) -> Outcome {
    let operation = b.operation(0).await?;
    let mut changes = b.store.changes();
    for _ in 0..2 {
        let jobs = vec![b.job(operation, JobQueue::Extract, "k"), b.job(operation, JobQueue::Extract, "k")];
        b.store.commit(Commit { jobs, ..Default::default() }).await?;
    }
    let told: Vec<Change> = std::iter::from_fn(|| changes.try_recv().ok()).collect();
    assert!(told.contains(&Change::Queued(JobQueue::Extract)));
    let unknown = vec![b.job(OperationId::generate(), JobQueue::Extract, "k")];
    assert!(matches!(
        b.store.commit(Commit { jobs: unknown, ..Default::default() }).await,
        Err(StoreError::NotFound { .. })
    ));
    let claimed = b.claim(10).await?;
    assert_eq!(claimed.len(), 1);
    let again = || Commit { jobs: vec![b.job(operation, JobQueue::Extract, "k")], ..Default::default() };
    b.store.commit(again()).await?;
    assert!(b.claim(10).await?.is_empty(), "it lives while it is processed");
    b.end(&claimed[0], JobOutcome::Success).await?;
    b.store.commit(again()).await?;
    assert_eq!(b.claim(10).await?.len(), 1, "it may come again once it is over");
    Ok(())
}

pub(super) async fn a_newer_run_takes_over_what_an_older_one_has_not_begun(b: Bench) -> Outcome {
    let (begun, waiting) = (b.document("begun").await?, b.document("waiting").await?);
    let older = b.operation(0).await?;
    let jobs = |operation| vec![b.job_for(operation, begun), b.job_for(operation, waiting)];
    b.store.commit(Commit { jobs: jobs(older), ..Default::default() }).await?;
    let running = b.claim_one().await?;
    let newer = b.operation(0).await?;
    b.store.commit(Commit { jobs: jobs(newer), ..Default::default() }).await?;
    assert_eq!(b.store.operation(older).await?.status, OperationStatus::Processing, "one of its jobs is running");
    let claimed = b.claim(10).await?;
    assert!(claimed.iter().all(|job| job.operation == newer), "nothing is done twice");
    assert_eq!(claimed.len(), 2);
    b.end(&running, JobOutcome::Success).await?;
    assert_eq!(b.store.operation(older).await?.status, OperationStatus::Completed);
    Ok(())
}

pub(super) async fn operations_take_turns(b: Bench) -> Outcome {
    let (big, small) = (b.operation(100).await?, b.operation(10).await?);
    let mut by_operation: HashMap<_, usize> = HashMap::new();
    for job in b.claim(10).await? {
        *by_operation.entry(job.operation).or_default() += 1;
    }
    assert_eq!((by_operation[&big], by_operation[&small]), (5, 5));
    let singles =
        [b.claim_one().await?, b.claim_one().await?, b.claim_one().await?, b.claim_one().await?].map(|j| j.operation);
    assert_ne!(singles[0], singles[1]);
    assert_eq!((singles[0], singles[1]), (singles[2], singles[3]));
    assert_eq!(b.claim(64).await?.len(), 64, "what one leaves the other takes");
    Ok(())
}

pub(super) async fn the_highest_priority_goes_first(b: Bench) -> Outcome {
    let operation = b.operation(2).await?;
    let mut urgent = b.job(operation, JobQueue::Extract, "urgent");
    urgent.priority = 7;
    let id = urgent.id;
    b.store.commit(Commit { jobs: vec![urgent], ..Default::default() }).await?;
    let claimed = b.claim(3).await?;
    assert_eq!(claimed.len(), 3);
    assert_eq!(claimed[0].id, id);
    Ok(())
}
