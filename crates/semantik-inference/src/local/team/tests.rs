//! A team whose helpers come, leave, fail and sleep.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use super::Team;
use super::share::FIRST_SKIPPED;
use crate::local::ops::attention::Scratch;

/// Runs `leader` while `helpers` threads help until it returns.
pub(crate) fn with_helpers(team: &Team, helpers: usize, leader: impl FnOnce()) {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..helpers {
            scope.spawn(|| {
                while !over.load(Ordering::Acquire) {
                    team.help(&mut Scratch::default());
                    thread::yield_now();
                }
            });
        }
        let ended = catch_unwind(AssertUnwindSafe(leader));
        over.store(true, Ordering::Release);
        team.dismiss();
        if let Err(panic) = ended {
            std::panic::resume_unwind(panic);
        }
    });
}

/// Waits, as a part of the leader, until a helper has a part as well.
fn await_a_helper(team: &Team, has_part: &AtomicBool) {
    while !has_part.load(Ordering::Acquire) {
        assert!(team.is_open());
        thread::yield_now();
    }
}

/// Shares steps until one has had a helper; what each part does is up to `part`, which is told
/// whether it is the leader's.
fn share_with_a_helper(team: &Arc<Team>, part: &(dyn Fn(bool) + Sync)) -> bool {
    let Some(mut lead) = team.lead() else { return false };
    let (leader, has_part): (ThreadId, AtomicBool) = (thread::current().id(), AtomicBool::new(false));
    while !has_part.load(Ordering::Acquire) {
        lead.share(12, &mut Scratch::default(), &|units, _| {
            if thread::current().id() != leader {
                has_part.store(true, Ordering::Release);
                part(false);
            } else if units.len() < 12 {
                await_a_helper(team, &has_part);
                part(true);
            }
        });
    }
    true
}

/// The team can be led, and helps, after what came before.
fn go_on(team: &Arc<Team>) {
    // A helper may have slept meanwhile, which is no defect.
    while !share_with_a_helper(team, &|_| {}) {}
}

#[test]
fn every_unit_is_done_once_whoever_helps() {
    for helpers in 0..4 {
        let team = Arc::new(Team::default());
        with_helpers(&team, helpers, || {
            for query in 0..20 {
                // A helper may have slept on a part; then this query is not shared.
                let Some(mut lead) = team.lead() else { continue };
                for units in (0..40).chain([1000]) {
                    let done: Vec<AtomicUsize> = (0..units).map(|_| AtomicUsize::new(0)).collect();
                    lead.share(units, &mut Scratch::default(), &|part, _| {
                        for unit in part {
                            done[unit].fetch_add(1, Ordering::Relaxed);
                        }
                    });
                    assert!(
                        done.iter().all(|times| times.load(Ordering::Relaxed) == 1),
                        "query {query}, {units} units"
                    );
                    if units == 30 && query % 2 == 1 {
                        team.dismiss();
                    }
                }
            }
        });
    }
}

#[test]
fn only_one_leads_at_a_time() {
    let team = Arc::new(Team::default());
    let lead = team.lead();
    assert!(lead.is_some() && team.is_open() && team.lead().is_none());
    drop(lead);
    assert!(!team.is_open() && team.lead().is_some());
}

#[test]
fn a_defect_in_a_part_of_a_helper_reaches_the_leader() {
    let team = Arc::new(Team::default());
    with_helpers(&team, 1, || {
        let shared = || share_with_a_helper(&team, &|is_own| assert!(is_own, "a defect"));
        assert!(catch_unwind(AssertUnwindSafe(shared)).is_err());
        go_on(&team);
    });
}

#[test]
fn a_leader_that_fails_leaves_no_helper_behind() {
    let team = Arc::new(Team::default());
    with_helpers(&team, 1, || {
        let shared = || share_with_a_helper(&team, &|is_own| assert!(!is_own, "a defect"));
        assert!(catch_unwind(AssertUnwindSafe(shared)).is_err());
        go_on(&team);
    });
}

#[test]
fn queries_are_not_shared_for_a_while_after_helpers_have_slept() {
    let team = Arc::new(Team::default());
    let sleep = |is_own: bool| {
        let began = Instant::now();
        while !is_own && began.elapsed() < Duration::from_millis(20) {
            thread::yield_now();
        }
    };
    with_helpers(&team, 1, || {
        for skipped in [FIRST_SKIPPED, 2 * FIRST_SKIPPED] {
            assert!(share_with_a_helper(&team, &sleep), "it is tried again");
            assert!((0..skipped).all(|_| team.is_resting() && team.lead().is_none()));
            assert!(!team.is_resting());
        }
    });
}
