//! Who leads, who helps, and which parts of a step are whose.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::Scratch;
use super::pause::Pause;
use super::sync::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Slot};

/// Parts for each thread of a step, so that all end at nearly the same time.
const PARTS_EACH: usize = 6;
/// A helper that has waited this long for a step goes away.
const PATIENCE: Duration = Duration::from_millis(1);
/// A part that takes this much longer than it should is on a thread that sleeps.
const STALL: Duration = Duration::from_micros(20);
/// Queries that are not shared after one in which a helper slept: so few sleep that it does not show
/// among the slowest twentieth. More after each further one.
pub(super) const FIRST_SKIPPED: u32 = 16;
const MOST_SKIPPED: u32 = 256;

/// A part of a step: some of its units of work, and the working memory of the thread that has it.
type Job<'a> = dyn Fn(Range<usize>, &mut Scratch) + Sync + 'a;

/// The threads that may share a query; at most one of them leads.
#[derive(Default)]
pub(crate) struct Team {
    has_leader: AtomicBool,
    /// Whether helpers are wanted.
    open: AtomicBool,
    helpers: AtomicUsize,
    claims: Claims,
    step: Slot<Option<Step>>,
    /// Parts of the step that are finished.
    done: AtomicUsize,
    /// Whether a helper met a defect in a part.
    failed: AtomicBool,
    /// Queries that are not shared before one is tried again.
    skip: AtomicU32,
    /// What `skip` becomes when a helper sleeps again.
    next_skip: AtomicU32,
}

/// The leader's job while a step lasts.
#[derive(Clone, Copy)]
struct Step {
    job: *const Job<'static>,
    units: usize,
    parts: usize,
}

// SAFETY: `step` is written by the leader only, while no part is claimed, and read only by who has
// claimed a part; the orderings of `claims` and `done` part the two.
unsafe impl Sync for Team {}
// SAFETY: the pointer in `step` is used only while the leader waits for the step to end.
unsafe impl Send for Team {}

/// The right to share out steps; gives the helpers leave when dropped.
pub(crate) struct Lead {
    team: Arc<Team>,
    stalled: bool,
}

impl Team {
    /// Makes the caller the leader; `None` where there is one, or where helpers have slept lately.
    pub(crate) fn lead(self: &Arc<Self>) -> Option<Lead> {
        if self.has_leader.swap(true, Ordering::AcqRel) {
            return None;
        }
        let skip = self.skip.load(Ordering::Relaxed);
        if skip > 0 {
            self.skip.store(skip - 1, Ordering::Relaxed);
            self.has_leader.store(false, Ordering::Release);
            return None;
        }
        self.open.store(true, Ordering::Release);
        Some(Lead { team: Arc::clone(self), stalled: false })
    }

    /// Whether the next query will not be shared, since helpers have slept lately.
    pub(crate) fn is_resting(&self) -> bool {
        self.skip.load(Ordering::Relaxed) > 0
    }

    /// Whether helpers are wanted.
    pub(crate) fn is_open(&self) -> bool {
        self.open.load(Ordering::Acquire)
    }

    #[cfg(test)]
    pub(crate) fn has_helpers(&self) -> bool {
        self.helpers.load(Ordering::Acquire) > 0
    }

    /// Sends the helpers away, each after the part it is at: there is other work for them.
    pub(crate) fn dismiss(&self) {
        self.open.store(false, Ordering::Release);
    }

    /// Works on steps until helpers are no longer wanted; `false` when none has come for a while.
    pub(crate) fn help(&self, scratch: &mut Scratch) -> bool {
        self.helpers.fetch_add(1, Ordering::AcqRel);
        let (mut pause, mut is_tired) = (Pause::default(), false);
        while self.is_open() && !is_tired {
            if let Some(part) = self.claims.take() {
                // SAFETY: the part was just claimed, so the step is the one it belongs to and stays
                // until `done` counts the part.
                let step = unsafe { self.step.get() }.expect("parts are claimed of a step that was published");
                if catch_unwind(AssertUnwindSafe(|| step.run(part, scratch))).is_err() {
                    *scratch = Scratch::default();
                    self.failed.store(true, Ordering::Relaxed);
                }
                self.done.fetch_add(1, Ordering::Release);
                pause = Pause::default();
            } else {
                is_tired = pause.wait() > PATIENCE;
            }
        }
        self.helpers.fetch_sub(1, Ordering::AcqRel);
        !is_tired
    }
}

impl Step {
    fn run(&self, part: usize, scratch: &mut Scratch) {
        let units = self.units * part / self.parts..self.units * (part + 1) / self.parts;
        // SAFETY: the leader does not leave the step, and with it the job, before all parts are done.
        unsafe { (*self.job)(units, scratch) };
    }
}

impl Lead {
    /// Does the units `0..units` of a step, each once, by calls of `job` with ranges of them.
    ///
    /// # Panics
    /// When `job` does, on whatever thread.
    pub(crate) fn share(&mut self, units: usize, scratch: &mut Scratch, job: &Job<'_>) {
        let team = &*self.team;
        let helpers = if team.is_open() { team.helpers.load(Ordering::Acquire) } else { 0 };
        let parts = units.min(PARTS_EACH * (helpers + 1));
        if helpers == 0 || parts < 2 {
            return job(0..units, scratch);
        }
        // SAFETY: only the lifetime changes; `Rest` waits until nobody uses it any more.
        let job = unsafe { std::mem::transmute::<*const Job<'_>, *const Job<'static>>(job) };
        let step = Step { job, units, parts };
        // SAFETY: the step before is finished, so nobody reads it.
        unsafe { team.step.set(Some(step)) };
        team.done.store(0, Ordering::Relaxed);
        team.failed.store(false, Ordering::Relaxed);
        team.claims.publish(parts);
        let (began, mut rest) = (Instant::now(), Rest { team, parts, own: 0 });
        while let Some(part) = team.claims.take() {
            // Counted first: a part that panics is over, too.
            rest.own += 1;
            step.run(part, scratch);
        }
        let own = u32::try_from(rest.own).map_or(Duration::ZERO, |own| began.elapsed() / own.max(1));
        if rest.wait() > STALL + 2 * own {
            self.stalled = true;
            team.dismiss();
        }
        assert!(!team.failed.load(Ordering::Relaxed), "a helper met a defect; see its message");
    }
}

/// The parts that helpers have; waits for them even when one of the leader's own panics.
struct Rest<'a> {
    team: &'a Team,
    parts: usize,
    /// Parts the leader did.
    own: usize,
}

impl Rest<'_> {
    /// For how long it did more than spin.
    fn wait(&self) -> Duration {
        let (mut pause, mut waited) = (Pause::default(), Duration::ZERO);
        while self.team.done.load(Ordering::Acquire) + self.own < self.parts {
            waited = pause.wait();
        }
        waited
    }
}

impl Drop for Rest<'_> {
    fn drop(&mut self) {
        // A leader that panics leaves parts unclaimed.
        while self.team.claims.take().is_some() {
            self.own += 1;
        }
        self.wait();
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        let team = &*self.team;
        team.dismiss();
        let next = team.next_skip.load(Ordering::Relaxed);
        if self.stalled {
            let skipped = next.clamp(FIRST_SKIPPED, MOST_SKIPPED);
            team.skip.store(skipped, Ordering::Relaxed);
            team.next_skip.store(2 * skipped, Ordering::Relaxed);
        } else {
            team.next_skip.store(next / 2, Ordering::Relaxed);
        }
        team.has_leader.store(false, Ordering::Release);
    }
}

/// Which parts of the step are taken: the number of the step, how many parts it has and how many
/// are taken, in one word, so that nobody takes a part of a step that is over.
#[derive(Default)]
#[repr(align(64))]
struct Claims(AtomicU64);

impl Claims {
    /// Begins the next step.
    fn publish(&self, parts: usize) {
        debug_assert!(parts <= usize::from(u16::MAX));
        let step = (self.0.load(Ordering::Relaxed) >> 32).wrapping_add(1);
        self.0.store(step << 32 | (parts as u64) << 16, Ordering::Release);
    }

    /// Takes a part, where one is left.
    fn take(&self) -> Option<usize> {
        let mut word = self.0.load(Ordering::Relaxed);
        loop {
            let (parts, taken) = (word >> 16 & 0xffff, word & 0xffff);
            if taken == parts {
                return None;
            }
            match self.0.compare_exchange_weak(word, word + 1, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return Some(taken as usize),
                Err(now) => word = now,
            }
        }
    }
}
