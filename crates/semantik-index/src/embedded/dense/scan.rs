//! The search: sign bits choose candidates, codes order them.

use std::cmp::Ordering;
use std::ops::Range;

use semantik_core::id::{ChunkId, DocumentId};
use uuid::Uuid;

use super::bitset::BitSet;
use super::code;
use super::columns::Snapshot;
use super::kernel::{self, FixedQuery};
use crate::Scored;

/// So few rows are all scored by their codes.
const SCORED_WITHOUT_SCAN: u64 = 10_000;
const MIN_CANDIDATES: usize = 1500;
const CANDIDATES_PER_HIT: usize = 4;
/// Rows a thread is worth starting for.
const ROWS_PER_THREAD: usize = 250_000;
const MAX_THREADS: usize = 16;

/// The `limit` nearest of `rows`, best first, ties by id.
pub(super) fn nearest(snapshot: &Snapshot, rows: &BitSet, vector: &[f32], limit: usize) -> Vec<Scored> {
    let candidates = if rows.len() <= SCORED_WITHOUT_SCAN {
        rows.rows_in(0, snapshot.count).map(|row| row as u32).collect()
    } else {
        candidates(snapshot, rows, vector, MIN_CANDIDATES.max(limit * CANDIDATES_PER_HIT))
    };
    let query = FixedQuery::new(vector);
    let score = |row: u32| {
        let (codes, scale) = code::split_codes(snapshot.codes(row as usize));
        query.dot(snapshot.bits(row as usize, row as usize + 1), codes) * scale
    };
    let mut scored: Vec<(f32, u32)> = candidates.into_iter().map(|row| (score(row), row)).collect();
    let order = |a: &(f32, u32), b: &(f32, u32)| -> Ordering {
        b.0.total_cmp(&a.0).then_with(|| snapshot.id(a.1 as usize).cmp(&snapshot.id(b.1 as usize)))
    };
    if scored.len() > limit {
        scored.select_nth_unstable_by(limit, order);
        scored.truncate(limit);
    }
    scored.sort_unstable_by(order);
    let hit = |(score, row): (f32, u32)| Scored {
        id: ChunkId(Uuid::from_bytes(snapshot.id(row as usize))),
        document: DocumentId(Uuid::from_bytes(snapshot.document(row as usize))),
        score,
    };
    scored.into_iter().map(hit).collect()
}

/// The `wanted` rows with the fewest differing signs; of those that tie at the end, the first.
fn candidates(snapshot: &Snapshot, rows: &BitSet, vector: &[f32], wanted: usize) -> Vec<u32> {
    let mut bits = Vec::new();
    code::push_bits(vector, &mut bits);
    let query: Vec<u64> = bits.as_chunks::<8>().0.iter().map(|word| u64::from_le_bytes(*word)).collect();
    let bins = query.len() * 64 + 1;
    let mut distances = vec![0u16; snapshot.count];
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS);
    let part = snapshot.count.div_ceil(threads).max(ROWS_PER_THREAD).next_multiple_of(64);

    let parts = distances.chunks_mut(part).enumerate().map(|(at, out)| (at * part..at * part + out.len(), out));
    let histograms: Vec<Vec<u32>> = std::thread::scope(|scope| {
        let query = &query;
        let mut work: Vec<_> = parts.collect();
        let last = work.pop();
        let others: Vec<_> = work
            .into_iter()
            .map(|(range, out)| scope.spawn(move || measure(snapshot, rows, query, range, out, bins)))
            .collect();
        let own = last.map(|(range, out)| measure(snapshot, rows, query, range, out, bins));
        others.into_iter().map(|thread| thread.join().expect("the scan does not panic")).chain(own).collect()
    });

    let (mut left, mut limit) = (wanted, bins);
    for bin in 0..bins {
        let here: usize = histograms.iter().map(|histogram| histogram[bin] as usize).sum();
        if here >= left {
            limit = bin;
            break;
        }
        left -= here;
    }
    let mut chosen = Vec::with_capacity(wanted);
    for (row, distance) in distances.iter().enumerate().filter(|(_, distance)| usize::from(**distance) <= limit) {
        if usize::from(*distance) == limit {
            if left == 0 {
                continue;
            }
            left -= 1;
        }
        chosen.push(row as u32);
    }
    chosen
}

/// Fills `out` with the distances of a range of rows (`u16::MAX` for those not asked for) and
/// counts how often each occurs.
fn measure(
    snapshot: &Snapshot,
    rows: &BitSet,
    query: &[u64],
    range: Range<usize>,
    out: &mut [u16],
    bins: usize,
) -> Vec<u32> {
    kernel::hamming(query, snapshot.bits(range.start, range.end), out);
    for row in rows.missing_in(range.start, range.end) {
        out[row - range.start] = u16::MAX;
    }
    // One more bin takes the rows that were not asked for.
    let mut histogram = vec![0u32; bins + 1];
    out.iter().for_each(|distance| histogram[usize::from(*distance).min(bins)] += 1);
    histogram
}
