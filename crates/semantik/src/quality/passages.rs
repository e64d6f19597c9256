//! Texts to measure with: a file of the user's, or the program's own documentation, which is always
//! at hand.

use std::path::Path;

use crate::error::{CliError, io_error};

/// Words of a passage of the documentation, and how many lie between the beginnings of two.
const PASSAGE_WORDS: usize = 60;
const STEP_WORDS: usize = 24;
/// Words of a query: where it begins in its passage, and how many.
const QUERY_START: usize = 5;
const QUERY_WORDS: usize = 14;
/// Fewer say nothing about an overlap of the ten best.
const FEWEST: usize = 50;
/// More take time and say little.
const MOST: usize = 5000;

/// The documentation, as it was when this program was built.
const DOCUMENTATION: [&str; 15] = [
    include_str!("../../../../README.md"),
    include_str!("../../../../ARCHITECTURE.md"),
    include_str!("../../../../CONTRIBUTING.md"),
    include_str!("../../../../LICENSE"),
    include_str!("../../../../docs/cli.md"),
    include_str!("../../../../docs/benchmarks.md"),
    include_str!("../../../../docs/operations/data-folder.md"),
    include_str!("../../../../docs/adr/0002-point-ids.md"),
    include_str!("../../../../docs/adr/0003-filters.md"),
    include_str!("../../../../docs/adr/0004-one-client.md"),
    include_str!("../../../../docs/adr/0005-chunking.md"),
    include_str!("../../../../docs/adr/0006-extractors.md"),
    include_str!("../../../../docs/adr/0007-code-by-syntax.md"),
    include_str!("../../../../docs/adr/0008-encoder-kernels.md"),
    include_str!("../../../../CHANGELOG.md"),
];

/// Passages, and queries made of some of their words.
pub struct Texts {
    /// What they are, for people.
    pub what: String,
    pub passages: Vec<String>,
    pub queries: Vec<String>,
}

impl Texts {
    /// The program's own documentation.
    pub fn documentation() -> Self {
        let passages = DOCUMENTATION.iter().flat_map(|page| windows(page)).collect();
        Self::of("this program's documentation".into(), passages)
    }

    /// A file with one passage per line.
    pub fn read(file: &Path) -> Result<Self, CliError> {
        let bytes = std::fs::read(file).map_err(|e| io_error(&format!("cannot read {}", file.display()), &e))?;
        let text = String::from_utf8_lossy(&bytes);
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned);
        let passages: Vec<String> = lines.take(MOST).collect();
        if passages.len() < FEWEST {
            let found = passages.len();
            return Err(CliError::usage(format!("{} has {found} passages; {FEWEST} are needed", file.display()))
                .hint("each line is a passage"));
        }
        Ok(Self::of(file.display().to_string(), passages))
    }

    fn of(what: String, passages: Vec<String>) -> Self {
        let queries = passages.iter().map(|passage| query(passage)).collect();
        Self { what, passages, queries }
    }
}

fn windows(page: &str) -> Vec<String> {
    let words: Vec<&str> = page.split_whitespace().collect();
    let starts = (0..words.len().saturating_sub(PASSAGE_WORDS / 2)).step_by(STEP_WORDS);
    starts.map(|start| words[start..words.len().min(start + PASSAGE_WORDS)].join(" ")).collect()
}

fn query(passage: &str) -> String {
    let words: Vec<&str> = passage.split_whitespace().collect();
    let start = QUERY_START.min(words.len().saturating_sub(QUERY_WORDS));
    words[start..words.len().min(start + QUERY_WORDS)].join(" ")
}

#[cfg(test)]
mod tests {
    use super::{Texts, query};

    #[test]
    fn the_documentation_is_at_least_two_hundred_passages() {
        let texts = Texts::documentation();
        assert!(texts.passages.len() >= 200, "{}", texts.passages.len());
        assert_eq!(texts.passages.len(), texts.queries.len());
        assert!(texts.queries.iter().all(|query| !query.is_empty()));
    }

    #[test]
    fn a_file_has_a_passage_per_line_and_too_few_are_refused() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let file = dir.path().join("texts");
        std::fs::write(&file, "one passage\n\n".repeat(50)).expect("writable");
        assert_eq!(Texts::read(&file).expect("enough").passages.len(), 50);
        std::fs::write(&file, "one passage\n").expect("writable");
        let said = Texts::read(&file).err().map(|error| error.message);
        assert!(said.is_some_and(|said| said.contains("has 1 passages; 50 are needed")));
    }

    #[test]
    fn a_query_is_some_words_of_its_passage() {
        assert_eq!(query("a b"), "a b");
        let words: Vec<String> = (0..30).map(|n| n.to_string()).collect();
        assert_eq!(query(&words.join(" ")), words[5..19].join(" "));
    }
}
