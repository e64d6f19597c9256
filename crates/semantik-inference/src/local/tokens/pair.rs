//! Two texts as one sequence, as classifiers of pairs read them.

use tokenizers::tokenizer::PostProcessor;

use crate::InferenceError;
use crate::local::tokens::ModelTokenizer;

/// Marks the ids of the second segment of a pair; no vocabulary is so large.
pub(crate) const SECOND: u32 = 1 << 31;

/// What the model wants before, between and after the texts of a pair, and the segment of the
/// second; ids of the second segment carry [`SECOND`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PairMarks {
    marks: [Vec<u32>; 3],
    second: u32,
}

impl ModelTokenizer {
    /// How this tokenizer writes pairs.
    ///
    /// # Errors
    /// When it refuses a pair.
    pub fn pair_marks(&self) -> tokenizers::Result<PairMarks> {
        let mut pair = PairMarks { marks: Default::default(), second: SECOND };
        let Some(processor) = self.inner.get_post_processor() else { return Ok(pair) };
        let plain = self.inner.encode_fast("a", false)?;
        let length = plain.len();
        let marked = processor.process(plain.clone(), Some(plain), true)?;
        let special = marked.get_special_tokens_mask();
        let mut seen = 0;
        for (at, (id, segment)) in marked.get_ids().iter().zip(marked.get_type_ids()).enumerate() {
            let mark = if *segment == 1 { SECOND } else { 0 };
            if special[at] == 1 {
                pair.marks[seen / length.max(1)].push(id | mark);
            } else {
                seen += 1;
                pair.second = mark;
            }
        }
        Ok(pair)
    }

    /// Ids of a text without special tokens, as many as could matter in a pair.
    ///
    /// # Errors
    /// When the tokenizer refuses the text.
    pub fn part_ids(&self, text: &str) -> Result<Vec<u32>, InferenceError> {
        self.cut_ids(text, self.max_tokens)
    }

    /// The ids of a pair, the longer text cut first where they are too long.
    pub fn pair_ids(&self, pair: &PairMarks, first: &[u32], second: &[u32]) -> Vec<u32> {
        let room = self.max_tokens.saturating_sub(pair.marks.iter().map(Vec::len).sum());
        let (kept, rest) = longest_first(first.len(), second.len(), room);
        let [before, between, after] = &pair.marks;
        let marked = second[..rest].iter().map(|id| id | pair.second);
        [before, &first[..kept], between]
            .into_iter()
            .flatten()
            .copied()
            .chain(marked)
            .chain(after.iter().copied())
            .collect()
    }
}

/// How much of two texts is kept, as the reference library cuts them: only the longer one, unless
/// both are longer than half the room.
fn longest_first(first: usize, second: usize, room: usize) -> (usize, usize) {
    if first + second <= room {
        return (first, second);
    }
    let (shorter, half) = (first.min(second), room / 2);
    let (short, long) = if 2 * shorter <= room { (shorter, room - shorter) } else { (half, half + room % 2) };
    if first <= second { (short, long) } else { (long, short) }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde::Deserialize;

    use super::{SECOND, longest_first};
    use crate::local::settings::Settings;
    use crate::local::tokens::ModelTokenizer;

    #[derive(Deserialize)]
    struct Golden {
        scores: Vec<Pair>,
    }

    #[derive(Deserialize)]
    struct Pair {
        query: String,
        passage: String,
        ids: Vec<u32>,
        segments: Vec<u32>,
    }

    #[test]
    fn pairs_are_written_as_the_reference_writes_them() {
        for family in ["bert", "xlm-roberta", "gte"] {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tiny").join(family);
            let settings = Settings::read(&folder).expect("the folder is a model");
            let tokenizer = ModelTokenizer::load(&folder, &settings).expect("it has a tokenizer");
            let marks = tokenizer.pair_marks().expect("it writes pairs");
            let text = std::fs::read(folder.join("golden.json")).expect("the fixture is there");
            let golden: Golden = serde_json::from_slice(&text).expect("the fixture is known");
            for Pair { query, passage, ids, segments } in golden.scores {
                let part = |text: &str| tokenizer.part_ids(text).expect("it takes any text");
                let found = tokenizer.pair_ids(&marks, &part(&query), &part(&passage));
                let expected: Vec<u32> =
                    ids.iter().zip(segments).map(|(id, segment)| id | (segment * SECOND)).collect();
                assert_eq!(found, expected, "{family}: {query:?}, {passage:?}");
            }
        }
    }

    #[test]
    fn the_longer_text_is_cut_first() {
        assert_eq!(longest_first(3, 4, 7), (3, 4));
        assert_eq!(longest_first(3, 9, 10), (3, 7));
        assert_eq!(longest_first(9, 3, 10), (7, 3));
        assert_eq!(longest_first(9, 9, 11), (5, 6));
        assert_eq!(longest_first(90, 8, 11), (6, 5));
        assert_eq!(longest_first(0, 90, 11), (0, 11));
        assert_eq!(longest_first(5, 5, 0), (0, 0));
    }
}
