//! What every engine must do, as cases run against a fresh real engine with a clock of their own.

mod bench;
mod counts;
mod documents;
mod jobs;
mod leases;
mod operations;

use futures::future::BoxFuture;

pub use bench::{Bench, ManualClock};

/// How a case ends; a broken promise panics.
pub type Outcome = Result<(), crate::StoreError>;

/// What a case needs beyond the traits; an engine without it leaves the case out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// The data outlives the last handle.
    Durable,
}

/// One promise.
pub struct Case {
    pub name: &'static str,
    pub needs: &'static [Need],
    pub run: fn(Bench) -> BoxFuture<'static, Outcome>,
}

macro_rules! cases {
    ($($topic:ident: $($name:ident)+;)+) => {
        /// Every case, by topic.
        pub const CASES: &[Case] = &[$($(
            Case { name: stringify!($name), needs: $topic::NEEDS, run: |bench| Box::pin($topic::$name(bench)) },
        )+)+];
    };
}

cases! {
    leases:
        a_lost_lease_gives_the_job_back
        the_token_of_a_lost_lease_is_refused_with_its_whole_commit
        a_crash_burial_fails_the_document
        poison_travels_alone
        a_checkpoint_forgives_lost_leases
        a_start_after_a_crash_takes_its_own_leases_back
        a_lost_job_is_left_to_the_newer_run_that_waits
        a_named_lease_has_one_holder;
    jobs:
        a_transient_failure_waits_longer_each_time_and_dies_in_the_end
        a_dead_job_can_be_replayed
        a_released_job_keeps_its_attempts
        a_delayed_job_waits_and_keeps_its_attempts
        enqueueing_twice_is_enqueueing_once
        a_newer_run_takes_over_what_an_older_one_has_not_begun
        operations_take_turns
        the_highest_priority_goes_first;
    operations:
        an_operation_ends_with_its_last_job
        cancelling_stops_waiting_and_running_jobs
        what_a_cancelled_operation_still_enqueues_waits_for_the_next_run
        a_dead_scan_fails_its_operation
        deleting_a_collection_lets_its_operation_end;
    documents:
        a_document_completes_with_its_last_indexed_chunk
        an_ended_document_loses_its_chunks
        unchanged_chunks_stay_indexed
        a_rename_and_a_removal_take_members_along
        filters_find_what_they_say
        pages_of_documents_meet_without_gaps;
    counts:
        counts_equal_rows_after_random_work
        reopening_keeps_everything;
}
