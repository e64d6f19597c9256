//! Joining the legs: reciprocal rank fusion (Cormack, Clarke, Büttcher, SIGIR 2009) with k = 60.

use std::collections::HashMap;

use semantik_core::id::ChunkId;
use semantik_core::search::{Explain, Leg};

use super::legs::{Found, Legs};

const K: f64 = 60.0;

/// A passage with its fused score.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Ranked {
    pub(crate) found: Found,
    pub(crate) score: f64,
    pub(crate) explain: Explain,
}

/// One ranking out of both legs, best first, ties by id. A single leg keeps its own scores.
pub(crate) fn fuse(legs: Legs) -> Vec<Ranked> {
    let alone = legs.dense.is_empty() || legs.lexical.is_empty();
    let fusion = if alone { "none".to_owned() } else { format!("rrf(k={K})") };
    let mut ranked: HashMap<ChunkId, Ranked> = HashMap::new();
    for (is_dense, leg) in [(true, legs.dense), (false, legs.lexical)] {
        for (found, rank) in leg.into_iter().zip(1_u32..) {
            let entry = ranked.entry(found.point.id).or_insert_with(|| Ranked {
                found,
                score: 0.0,
                explain: Explain { fusion: fusion.clone(), ..Explain::default() },
            });
            let place = Leg { rank, score: found.point.score };
            entry.score += if alone { f64::from(found.point.score) } else { 1.0 / (K + f64::from(rank)) };
            if is_dense {
                entry.explain.dense = Some(place);
            } else {
                entry.explain.lexical = Some(place);
            }
        }
    }
    let mut ranked: Vec<Ranked> = ranked.into_values().collect();
    ranked.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.found.point.id.cmp(&b.found.point.id)));
    ranked
}

#[cfg(test)]
mod tests {
    use semantik_core::id::{CollectionId, DocumentId};
    use semantik_index::Scored;

    use super::*;

    fn found(id: u128, score: f32) -> Found {
        let id = ChunkId(uuid::Uuid::from_u128(id));
        let document = DocumentId(uuid::Uuid::from_u128(1));
        Found { collection: CollectionId(uuid::Uuid::from_u128(1)), point: Scored { id, document, score } }
    }

    fn order(ranked: &[Ranked]) -> Vec<u128> {
        ranked.iter().map(|hit| hit.found.point.id.0.as_u128()).collect()
    }

    #[test]
    fn what_both_legs_find_comes_before_what_one_finds() {
        let legs = Legs { dense: vec![found(1, 0.9), found(2, 0.8)], lexical: vec![found(3, 9.0), found(2, 8.0)] };
        let ranked = fuse(legs);
        assert_eq!(order(&ranked), [2, 1, 3]);
        assert!((ranked[0].score - 2.0 / 62.0).abs() < 1e-12);
        assert_eq!(ranked[0].explain.dense, Some(Leg { rank: 2, score: 0.8 }));
        assert_eq!(ranked[0].explain.fusion, "rrf(k=60)");
    }

    #[test]
    fn a_leg_alone_keeps_its_order_and_scores() {
        let ranked = fuse(Legs { dense: Vec::new(), lexical: vec![found(5, 3.0), found(4, 2.0)] });
        assert_eq!(order(&ranked), [5, 4]);
        assert_eq!(ranked[0].score, 3.0);
    }
}
