//! What a query asks for, and the search it becomes. Any text is a valid query.

use std::collections::BTreeSet;

use tantivy::query::{BooleanQuery, BoostQuery, EmptyQuery, FuzzyTermQuery, Occur, PhraseQuery, Query, TermQuery};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{Searcher, Term};

use super::analysis::{self, Word};
use super::schema::Fields;

/// Words of a query past this many are ignored.
const MAX_WORDS: usize = 128;
/// A prefix with at most this many words is ranked by them; with more, all its hits rank alike.
const MAX_EXPANSIONS: usize = 64;
const CONTEXT_BOOST: f32 = 0.5;
const IDENTIFIER_BOOST: f32 = 2.0;
const PREFIX_SCORE: f32 = 2.0;
/// Weight of two words of the query that follow each other in a passage as well (the ordered pairs of
/// the sequential dependence model, Metzler and Croft 2005): 0.330 -> 0.339 nDCG@10 on Cranfield.
const PAIR_BOOST: f32 = 0.3;
/// Pairs of a query past this many are ignored.
const MAX_PAIRS: usize = 16;

/// The words of a query.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Asked {
    /// Stems of quoted phrases, which must all be there.
    pub(super) phrases: Vec<Vec<String>>,
    /// Folded beginnings of words.
    pub(super) prefixes: Vec<String>,
    /// Stems of the other words, each once.
    pub(super) stems: Vec<String>,
    /// Identifiers of several words, like `foo_bar`: they rank higher together.
    compounds: Vec<Vec<String>>,
    /// Neighbours.
    pairs: Vec<Vec<String>>,
    identifiers: Vec<String>,
}

impl Asked {
    pub(super) fn parse(query: &str) -> Self {
        let mut asked = Self::default();
        let mut words: Vec<Word> = Vec::new();
        let quotes = query.matches(is_quote).count();
        for (at, part) in query.split(is_quote).enumerate() {
            // An opening quote without its closing one quotes nothing.
            if at % 2 == 1 && at < quotes {
                let phrase: Vec<String> =
                    analysis::words(part).into_iter().take(MAX_WORDS).map(|word| word.stem).collect();
                asked.phrases.extend(Some(phrase).filter(|phrase| !phrase.is_empty()));
                asked.identifiers.extend(analysis::identifiers(part));
            } else {
                part.split_whitespace().for_each(|word| asked.add(word, &mut words));
            }
        }
        let is_stop = |word: &Word| analysis::is_stop_word(&word.folded);
        if !asked.phrases.is_empty() || !asked.prefixes.is_empty() || !words.iter().all(is_stop) {
            words.retain(|word| !is_stop(word));
        }
        let pairs = words.windows(2).filter(|pair| pair[0].stem != pair[1].stem);
        let pairs = pairs.map(|pair| pair.iter().map(|word| word.stem.clone()).collect());
        asked.pairs = pairs.take(MAX_PAIRS).collect();
        let mut seen = BTreeSet::new();
        let stems = words.into_iter().map(|word| word.stem).filter(|stem| seen.insert(stem.clone()));
        asked.stems = stems.take(MAX_WORDS).collect();
        asked.phrases.truncate(MAX_WORDS);
        asked.prefixes.truncate(MAX_WORDS);
        asked.compounds.truncate(MAX_WORDS);
        asked.identifiers.truncate(MAX_WORDS);
        asked
    }

    fn add(&mut self, text: &str, words: &mut Vec<Word>) {
        let mut found = analysis::words(text);
        if text.ends_with('*') && text.trim_end_matches('*').ends_with(char::is_alphanumeric) {
            self.prefixes.extend(found.pop().map(|word| word.folded));
        } else {
            let identifiers = analysis::identifiers(text);
            // Scripts without spaces fall into characters, which mean little apart from each other.
            if found.len() > 1 && (!identifiers.is_empty() || !text.is_ascii()) {
                self.compounds.push(found.iter().map(|word| word.stem.clone()).collect());
            }
            self.identifiers.extend(identifiers);
        }
        words.extend(found);
    }

    /// The search for what was asked.
    pub(super) fn to_query(&self, fields: Fields, searcher: &Searcher) -> tantivy::Result<Box<dyn Query>> {
        let mut clauses: Vec<(Occur, Box<dyn Query>)> = Vec::new();
        for phrase in &self.phrases {
            clauses.push((Occur::Must, either(fields, |field| run(field, phrase))));
        }
        for stem in &self.stems {
            clauses.push((Occur::Should, term(fields.text, stem)));
            clauses.push((Occur::Should, boosted(term(fields.context, stem), CONTEXT_BOOST)));
        }
        for pair in &self.pairs {
            clauses.push((Occur::Should, boosted(run(fields.text, pair), PAIR_BOOST)));
        }
        for compound in &self.compounds {
            clauses.push((Occur::Should, run(fields.text, compound)));
        }
        for identifier in &self.identifiers {
            clauses.push((Occur::Should, boosted(term(fields.exact, identifier), IDENTIFIER_BOOST)));
        }
        for prefix in &self.prefixes {
            clauses.push((Occur::Should, prefixed(fields.exact, prefix, searcher)?));
        }
        Ok(if clauses.is_empty() { Box::new(EmptyQuery) } else { Box::new(BooleanQuery::new(clauses)) })
    }
}

fn is_quote(c: char) -> bool {
    matches!(c, '"' | '\u{201c}' | '\u{201d}' | '\u{201e}' | '\u{ab}' | '\u{bb}')
}

fn term(field: Field, word: &str) -> Box<dyn Query> {
    Box::new(TermQuery::new(Term::from_field_text(field, word), IndexRecordOption::WithFreqs))
}

/// Words that follow each other.
fn run(field: Field, words: &[String]) -> Box<dyn Query> {
    match words {
        [word] => term(field, word),
        words => Box::new(PhraseQuery::new(words.iter().map(|word| Term::from_field_text(field, word)).collect())),
    }
}

fn either(fields: Fields, query: impl Fn(Field) -> Box<dyn Query>) -> Box<dyn Query> {
    let context = boosted(query(fields.context), CONTEXT_BOOST);
    Box::new(BooleanQuery::new(vec![(Occur::Should, query(fields.text)), (Occur::Should, context)]))
}

fn boosted(query: Box<dyn Query>, boost: f32) -> Box<dyn Query> {
    Box::new(BoostQuery::new(query, boost))
}

/// Words that begin with `prefix`: the words themselves while they are few.
fn prefixed(field: Field, prefix: &str, searcher: &Searcher) -> tantivy::Result<Box<dyn Query>> {
    let mut words = BTreeSet::new();
    for segment in searcher.segment_readers() {
        let inverted = segment.inverted_index(field)?;
        let mut terms = inverted.terms().range().ge(prefix).into_stream()?;
        while words.len() <= MAX_EXPANSIONS && terms.advance() && terms.key().starts_with(prefix.as_bytes()) {
            words.extend(std::str::from_utf8(terms.key()).map(str::to_owned));
        }
    }
    if words.len() > MAX_EXPANSIONS {
        let all = FuzzyTermQuery::new_prefix(Term::from_field_text(field, prefix), 0, true);
        return Ok(boosted(Box::new(all), PREFIX_SCORE));
    }
    let words = words.iter().map(|word| (Occur::Should, term(field, word))).collect();
    Ok(Box::new(BooleanQuery::new(words)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_fall_into_phrases_prefixes_and_words() {
        let check = |query: &str, phrases: &[&[&str]], prefixes: &[&str], stems: &[&str]| {
            let asked = Asked::parse(query);
            assert_eq!(asked.phrases, phrases, "{query}");
            assert_eq!(asked.prefixes, prefixes, "{query}");
            assert_eq!(asked.stems, stems, "{query}");
        };
        check("the running of wings", &[], &[], &["run", "wing"]);
        check("to be or not", &[], &[], &["to", "be", "or", "not"]);
        check("say \"to be\" now", &[&["to", "be"]], &[], &["say", "now"]);
        check("\"open quote", &[], &[], &["open", "quot"]);
        check("Comput* * \"\" ( AND", &[], &["comput"], &[]);
        check("running running", &[], &[], &["run"]);
        check("", &[], &[], &[]);
    }
}
