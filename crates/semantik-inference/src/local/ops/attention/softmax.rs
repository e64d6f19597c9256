//! The softmax of a tile of scores, in powers of two, undivided.
//!
//! All rows of a tile go through together: their chains of dependent operations are independent of
//! each other and fill the pipeline, where one row after the other would wait for itself.

use std::ops::Range;

use crate::local::ops::functions::exp2;
use crate::local::simd::Simd;

/// What a row has added up over the blocks so far.
#[derive(Clone, Copy)]
pub(super) struct Running {
    pub greatest: f32,
    pub total: f32,
}

impl Running {
    pub(crate) const START: Self = Self { greatest: f32::NEG_INFINITY, total: 0.0 };
}

/// Adds `bias`, where there is one, to the `count` scores of a row, and takes away those of keys
/// not in `seen`, up to the end of the last vector.
///
/// # Safety
/// `scores` is valid for whole vectors of `count` floats, `bias` for `count`.
#[inline(always)]
pub(super) unsafe fn adjust<S: Simd>(
    simd: S,
    scores: *mut f32,
    count: usize,
    seen: &Range<usize>,
    bias: Option<*const f32>,
) {
    let end = count.next_multiple_of(S::LANES);
    // SAFETY: all accesses are inside the first `end` scores and `count` biases.
    unsafe {
        if let Some(bias) = bias {
            for at in (0..end).step_by(S::LANES) {
                let more = simd.load_part(bias.add(at), (count - at).min(S::LANES));
                simd.store(scores.add(at), simd.add(simd.load(scores.add(at)), more));
            }
        }
        for at in (0..seen.start.min(end)).step_by(S::LANES) {
            mask(simd, scores, at, seen);
        }
        for at in (seen.end / S::LANES * S::LANES..end).step_by(S::LANES) {
            mask(simd, scores, at, seen);
        }
    }
}

/// Makes the scores of one vector that are not in `seen` minus infinity.
///
/// # Safety
/// `scores` is valid for a vector from `at` on.
#[inline(always)]
unsafe fn mask<S: Simd>(simd: S, scores: *mut f32, at: usize, seen: &Range<usize>) {
    let (low, high) = (seen.start as isize - at as isize, seen.end as isize - at as isize);
    // SAFETY: as the caller says.
    unsafe {
        let kept = simd.keep(simd.load(scores.add(at)), low, high, simd.splat(f32::NEG_INFINITY));
        simd.store(scores.add(at), kept);
    }
}

/// Turns `count` adjusted scores of each row into weights `2^(score - greatest)` in place. Rows are
/// `STEP` floats apart. Returns what earlier blocks of each row have to be multiplied with.
///
/// # Safety
/// `scores` is valid for `R` rows of whole vectors of `count` floats; a row's first block has a
/// score that is not minus infinity.
#[inline(always)]
pub(super) unsafe fn weigh<S: Simd, const R: usize, const STEP: usize>(
    simd: S,
    scores: *mut f32,
    count: usize,
    running: &mut [Running; R],
) -> [f32; R] {
    // SAFETY: all accesses are inside the rows that the caller vouches for.
    unsafe {
        let mut most = [simd.splat(f32::NEG_INFINITY); R];
        for at in (0..count).step_by(S::LANES) {
            for (r, most) in most.iter_mut().enumerate() {
                *most = simd.max(*most, simd.load(scores.add(r * STEP + at)));
            }
        }
        let mut greatest = [0.0; R];
        for (r, greatest) in greatest.iter_mut().enumerate() {
            *greatest = simd.greatest(most[r]).max(running[r].greatest);
        }
        let mut totals = [simd.splat(0.0); R];
        for at in (0..count).step_by(S::LANES) {
            for (r, total) in totals.iter_mut().enumerate() {
                let score = scores.add(r * STEP + at);
                let weight = exp2(simd, simd.sub(simd.load(score), simd.splat(greatest[r])));
                simd.store(score, weight);
                *total = simd.add(*total, weight);
            }
        }
        let mut earlier = [0.0; R];
        for (r, running) in running.iter_mut().enumerate() {
            if running.total > 0.0 {
                earlier[r] = shrink(simd, running.greatest - greatest[r]);
            }
            *running = Running { greatest: greatest[r], total: running.total * earlier[r] + simd.sum(totals[r]) };
        }
        earlier
    }
}

/// `2^x` of one number.
#[inline(always)]
fn shrink<S: Simd>(simd: S, x: f32) -> f32 {
    simd.greatest(exp2(simd, simd.splat(x)))
}
