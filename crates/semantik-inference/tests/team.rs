//! The team of threads that share a query, under a model checker: every order in which its threads may
//! run and see each other's writes, up to a number of switches that nothing asks for.
//!
//! The source is that of the library, on `loom`'s atomics and cells, so a race is found by the accesses
//! that make it and not by luck. What the checker does not know is a thread that sleeps: time is said
//! by each model, which has none or too much of it.

use std::cell::Cell;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use loom::cell::UnsafeCell;
use loom::thread::{self, JoinHandle, ThreadId};
use share::Team;

#[path = "../src/local/team/share.rs"]
#[expect(dead_code, reason = "the pool asks more of a team than these models")]
mod share;

/// No wait takes too long.
const ENDLESS: usize = usize::MAX;

/// What threads share, as the checker knows it.
mod sync {
    use loom::cell::UnsafeCell;

    pub(super) use loom::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize};

    pub(super) struct Slot<T>(UnsafeCell<T>);

    impl<T: Default> Default for Slot<T> {
        fn default() -> Self {
            Self(UnsafeCell::new(T::default()))
        }
    }

    impl<T: Copy> Slot<T> {
        pub(super) unsafe fn get(&self) -> T {
            // SAFETY: the caller's promise, which the checker checks.
            self.0.with(|value| unsafe { *value })
        }

        pub(super) unsafe fn set(&self, value: T) {
            // SAFETY: the caller's promise, which the checker checks.
            self.0.with_mut(|place| unsafe { *place = value });
        }
    }
}

/// Waiting, which lets others run and takes too long after as many turns as the model says.
mod pause {
    use std::time::Duration;

    #[derive(Default)]
    pub(super) struct Pause {
        turns: usize,
    }

    impl Pause {
        pub(super) fn wait(&mut self) -> Duration {
            loom::thread::yield_now();
            self.turns += 1;
            if self.turns > super::PATIENCE.get() { Duration::MAX } else { Duration::ZERO }
        }
    }
}

thread_local! {
    /// Turns of a wait before it takes too long. The checker runs all threads of a model on one.
    static PATIENCE: Cell<usize> = const { Cell::new(usize::MAX) };
    /// Parts that helpers have done, in all orders.
    static HELPED: Cell<usize> = const { Cell::new(0) };
}

/// Working memory, of which a model needs none.
#[derive(Default)]
struct Scratch {
    _nothing: (),
}

/// The units of one step, and how often each was done.
struct Work {
    units: Vec<UnsafeCell<usize>>,
    leader: ThreadId,
    is_over: Cell<bool>,
}

// SAFETY: who touches a unit is what the checker looks at; `is_over` is only touched by threads of a
// model, which take turns on one.
unsafe impl Sync for Work {}

impl Work {
    /// A step of the calling thread.
    fn new(units: usize) -> Self {
        let units = (0..units).map(|_| UnsafeCell::new(0)).collect();
        Self { units, leader: thread::current().id(), is_over: Cell::new(false) }
    }

    /// Does a part; whether that was a helper.
    fn part(&self, units: Range<usize>) -> bool {
        assert!(!self.is_over.get(), "a part is run after its step");
        for unit in units {
            // SAFETY: the checker fails a second thread at the unit that is not ordered before or after.
            self.units[unit].with_mut(|times| unsafe { *times += 1 });
        }
        let is_helper = thread::current().id() != self.leader;
        HELPED.set(HELPED.get() + usize::from(is_helper));
        is_helper
    }

    /// Ends the step; how often each unit was done.
    fn end(&self) -> Vec<usize> {
        self.is_over.set(true);
        // SAFETY: the checker fails a thread that writes and is not ordered before.
        self.units.iter().map(|unit| unit.with(|times| unsafe { *times })).collect()
    }
}

/// Runs a model in all orders with at most so many switches between threads that could have gone on.
/// Where two threads may wait at once, or two close the team, no wait can be `ENDLESS`: the checker does
/// not know that others get their turn.
fn check(patience: usize, switches: usize, model: impl Fn() + Send + Sync + 'static) {
    PATIENCE.set(patience);
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(switches);
    builder.max_branches = 10_000;
    builder.check(model);
    assert!(HELPED.get() > 0, "no helper had a part in any order");
}

/// Helps twice, each time until sent away or tired.
fn helper(team: &Arc<Team>) -> JoinHandle<()> {
    let team = Arc::clone(team);
    thread::spawn(move || {
        team.help(&mut Scratch::default());
        team.help(&mut Scratch::default());
    })
}

/// Leads a query of steps of so many units, where nobody else leads, and looks that each was done once.
fn query(team: &Arc<Team>, steps: &[usize]) {
    let Some(mut lead) = team.lead() else { return };
    for &units in steps {
        let work = Work::new(units);
        lead.share(units, &mut Scratch::default(), &|part, _| {
            work.part(part);
        });
        assert!(work.end().iter().all(|times| *times == 1), "each unit is done once");
    }
}

fn join(thread: JoinHandle<()>) {
    thread.join().expect("a thread of the model ends well");
}

#[test]
fn every_unit_is_done_once_whenever_a_helper_comes_and_leaves() {
    check(ENDLESS, 3, || {
        let team = Arc::new(Team::default());
        let helper = helper(&team);
        query(&team, &[2, 3]);
        join(helper);
    });
}

#[test]
fn every_unit_is_done_once_with_two_helpers() {
    check(1, 2, || {
        let team = Arc::new(Team::default());
        let helpers = [helper(&team), helper(&team)];
        query(&team, &[3, 2]);
        helpers.into_iter().for_each(join);
    });
}

#[test]
fn every_unit_is_done_once_when_helpers_are_sent_away_at_any_time() {
    check(1, 2, || {
        let team = Arc::new(Team::default());
        let helper = helper(&team);
        let other = thread::spawn({
            let team = Arc::clone(&team);
            move || team.dismiss()
        });
        query(&team, &[2, 2]);
        join(other);
        join(helper);
    });
}

#[test]
fn every_unit_is_done_once_when_one_leader_follows_another() {
    check(ENDLESS, 2, || {
        let team = Arc::new(Team::default());
        let helper = helper(&team);
        let other = thread::spawn({
            let team = Arc::clone(&team);
            move || query(&team, &[2])
        });
        query(&team, &[2]);
        join(other);
        join(helper);
    });
}

#[test]
fn every_unit_is_done_once_when_all_waits_are_too_long() {
    check(0, 3, || {
        let team = Arc::new(Team::default());
        let helper = helper(&team);
        query(&team, &[2, 2]);
        query(&team, &[2]);
        join(helper);
    });
}

#[test]
fn a_helper_that_fails_in_a_part_fails_the_step_and_no_other() {
    leave_out_the_message_of_a_failed_helper();
    check(ENDLESS, 3, || {
        let team = Arc::new(Team::default());
        let helper = helper(&team);
        let mut lead = team.lead().expect("nobody else leads");
        let (work, before) = (Work::new(3), HELPED.get());
        let shared = catch_unwind(AssertUnwindSafe(|| {
            lead.share(3, &mut Scratch::default(), &|part, _| {
                if work.part(part) {
                    resume_unwind(Box::new("a defect"));
                }
            });
        }));
        assert!(work.end().iter().all(|times| *times == 1), "each unit is done once");
        assert_eq!(shared.is_err(), HELPED.get() > before);
        drop(lead);
        query(&team, &[2]);
        join(helper);
    });
}

#[test]
fn a_leader_that_fails_in_a_part_waits_for_the_parts_of_helpers() {
    check(ENDLESS, 3, || {
        let team = Arc::new(Team::default());
        let helper = helper(&team);
        let mut lead = team.lead().expect("nobody else leads");
        let (work, before) = (Work::new(3), HELPED.get());
        let shared = catch_unwind(AssertUnwindSafe(|| {
            lead.share(3, &mut Scratch::default(), &|part, _| {
                if !work.part(part) {
                    resume_unwind(Box::new("a defect"));
                }
            });
        }));
        // Parts that nobody had begun are left out.
        assert!(work.end().iter().all(|times| *times <= 1), "no unit is done twice");
        assert!(shared.is_err() || HELPED.get() == before + 3);
        drop(lead);
        query(&team, &[2]);
        join(helper);
    });
}

/// Thousands of orders would tell of it.
fn leave_out_the_message_of_a_failed_helper() {
    let others = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if !info.payload_as_str().is_some_and(|message| message.contains("a helper met a defect")) {
            others(info);
        }
    }));
}
