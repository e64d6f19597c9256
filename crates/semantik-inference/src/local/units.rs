//! A call's texts cut into units for the workers, and the results put back in order.

use crate::local::workers::{Vectors, Workers};
use crate::{InferenceError, Purpose};

/// Tokens of a unit: enough to keep the arithmetic busy, few enough that a query waits little.
const UNIT_TOKENS: usize = 256;

/// One result per text, in order. Dropping the future takes the queued units with it.
///
/// # Errors
/// When a worker met a defect.
pub(crate) async fn run(workers: &Workers, ids: Vec<Vec<u32>>, purpose: Purpose) -> Result<Vectors, InferenceError> {
    let mut vectors = vec![Vec::new(); ids.len()];
    let pending: Vec<_> = into_units(ids, UNIT_TOKENS)
        .into_iter()
        .map(|unit| {
            let (places, texts): (Vec<_>, Vec<_>) = unit.into_iter().unzip();
            (places, workers.submit(texts, purpose))
        })
        .collect();
    for (places, receiver) in pending {
        let made =
            receiver.await.map_err(|_| InferenceError::Unavailable("an encoder thread failed; see the log".into()))?;
        places.into_iter().zip(made).for_each(|(place, vector)| vectors[place] = vector);
    }
    Ok(vectors)
}

/// Packs texts, longest first, into units of at most `budget` tokens (a longer text is alone).
fn into_units(ids: Vec<Vec<u32>>, budget: usize) -> Vec<Vec<(usize, Vec<u32>)>> {
    let mut texts: Vec<_> = ids.into_iter().enumerate().collect();
    texts.sort_by_key(|(_, ids)| std::cmp::Reverse(ids.len()));
    let mut units: Vec<Vec<(usize, Vec<u32>)>> = Vec::new();
    let mut room = 0;
    for text in texts {
        let length = text.1.len();
        match units.last_mut() {
            Some(unit) if length <= room => {
                room -= length;
                unit.push(text);
            }
            Some(_) | None => {
                room = budget.saturating_sub(length);
                units.push(vec![text]);
            }
        }
    }
    units
}

#[cfg(test)]
mod tests {
    use super::into_units;

    #[test]
    fn units_keep_to_the_budget_and_lose_no_text() {
        let lengths = [3, 300, 100, 0, 60, 100, 256];
        let units = into_units(lengths.iter().map(|length| vec![7; *length]).collect(), 256);
        let sizes: Vec<usize> = units.iter().map(|unit| unit.iter().map(|(_, ids)| ids.len()).sum()).collect();
        assert_eq!(sizes, [300, 256, 200, 63]);
        let mut places: Vec<usize> = units.iter().flatten().map(|(place, _)| *place).collect();
        places.sort_unstable();
        assert_eq!(places, [0, 1, 2, 3, 4, 5, 6]);
    }
}
