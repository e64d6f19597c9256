//! Where the words of a query stand in a passage.

use std::collections::HashSet;
use std::ops::Range;

use super::analysis;
use super::query::Asked;

/// Byte spans in `text`, in order, none touching the next.
pub(super) fn spans(query: &str, text: &str) -> Vec<Range<usize>> {
    let asked = Asked::parse(query);
    let words = analysis::words(text);
    let stems: HashSet<&str> = asked.stems.iter().map(String::as_str).collect();
    let mut spans: Vec<Range<usize>> = words
        .iter()
        .filter(|word| {
            stems.contains(word.stem.as_str()) || asked.prefixes.iter().any(|prefix| word.folded.starts_with(prefix))
        })
        .map(|word| word.start..word.end)
        .collect();
    for phrase in &asked.phrases {
        let found = words.windows(phrase.len()).filter(|run| run.iter().map(|word| &word.stem).eq(phrase));
        spans.extend(found.map(|run| run[0].start..run[run.len() - 1].end));
    }
    spans.sort_unstable_by_key(|span| (span.start, span.end));
    let mut merged: Vec<Range<usize>> = Vec::with_capacity(spans.len());
    for span in spans {
        match merged.last_mut().filter(|last| span.start <= last.end) {
            Some(last) => last.end = last.end.max(span.end),
            None => merged.push(span),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::spans;

    #[test]
    fn words_phrases_and_prefixes_are_marked_where_they_stand() {
        let check = |query: &str, text: &str, expect: &[&str]| {
            let marked: Vec<&str> = spans(query, text).into_iter().map(|span| &text[span]).collect();
            assert_eq!(marked, expect, "{query}");
        };
        check("running the shoes", "He runs in the shoe.", &["runs", "shoe"]);
        check("\"in the shoe\" runs", "In a shoe he runs in the shoe", &["runs", "in the shoe"]);
        check("\"the shoe\" shoe", "the shoe, a shoe", &["the shoe", "shoe"]);
        check("comput*", "Computers compute", &["Computers", "compute"]);
        check("café", "un CAFÉ, cafe", &["CAFÉ", "cafe"]);
        check("???", "what?", &[]);
        check("the", "the end", &["the"]);
    }
}
