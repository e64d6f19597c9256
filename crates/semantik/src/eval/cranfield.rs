//! The Cranfield collection's conventions: `.I .T .A .B .W` records in one file; judgements that
//! name a query by its position; grades 1 (best) to 4, while 5 and -1 mean not relevant.

use std::collections::HashMap;
use std::path::Path;

use super::judged::Query;
use super::metrics::Grades;
use crate::error::{CliError, io_error};

/// One record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub id: String,
    fields: Vec<(char, String)>,
}

impl Record {
    /// A field's lines joined by spaces; empty when it is not there.
    pub fn field(&self, name: char) -> String {
        self.fields.iter().find(|(field, _)| *field == name).map(|(_, text)| text.trim().to_owned()).unwrap_or_default()
    }
}

/// Records of a file, in order.
pub fn records(text: &str) -> Vec<Record> {
    let mut records: Vec<Record> = Vec::new();
    for line in text.lines() {
        if let Some(id) = line.strip_prefix(".I ") {
            records.push(Record { id: id.trim().to_owned(), fields: Vec::new() });
            continue;
        }
        let Some(record) = records.last_mut() else { continue };
        match field_name(line) {
            Some(name) => record.fields.push((name, String::new())),
            None => {
                if let Some((_, text)) = record.fields.last_mut() {
                    text.push_str(line.trim());
                    text.push(' ');
                }
            }
        }
    }
    records
}

fn field_name(line: &str) -> Option<char> {
    match line.trim_end().as_bytes() {
        [b'.', name @ (b'T' | b'A' | b'B' | b'W')] => Some(char::from(*name)),
        _ => None,
    }
}

/// Writes one file per record: title, blank line, abstract. Returns how many.
pub fn split(source: &Path, target: &Path) -> Result<usize, CliError> {
    let failed = |what: &Path, e: &std::io::Error| io_error(&format!("cannot use {}", what.display()), e);
    let text = std::fs::read(source).map_err(|e| failed(source, &e))?;
    let records = records(&String::from_utf8_lossy(&text));
    if records.is_empty() {
        return Err(CliError::usage(format!("{} holds no `.I` record", source.display()))
            .hint("FOLDER is a folder of files, or with --cranfield the file cran.all.1400"));
    }
    std::fs::create_dir_all(target).map_err(|e| failed(target, &e))?;
    for record in &records {
        let path = target.join(format!("{}.txt", record.id));
        std::fs::write(&path, format!("{}\n\n{}\n", record.field('T'), record.field('W')))
            .map_err(|e| failed(&path, &e))?;
    }
    Ok(records.len())
}

/// Queries take their position as their id.
pub fn number_by_position(queries: &mut [Query]) {
    for (at, query) in queries.iter_mut().enumerate() {
        query.id = (at + 1).to_string();
    }
}

/// Codes 1 (best) to 4 become gains 4, 3, 2, 1; every other code means not relevant.
pub fn codes_to_gains(judgements: &mut HashMap<String, Grades>) {
    for grade in judgements.values_mut().flat_map(HashMap::values_mut) {
        *grade = if (1.0..=4.0).contains(grade) { 5.0 - *grade } else { 0.0 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = ".I 1\n.T\nwings in\na slipstream .\n.A\nbrenckman\n.B\nj. ae.\n.W\nfirst line\nsecond .5 line\n.I 2\n.T\n.A\n.B\n.W\n";

    #[test]
    fn records_keep_their_fields_apart() {
        let records = records(TEXT);
        assert_eq!(records.len(), 2);
        assert_eq!(records[0].field('T'), "wings in a slipstream .");
        assert_eq!(records[0].field('W'), "first line second .5 line");
        assert_eq!(records[1].field('W'), "");
    }

    #[test]
    fn every_record_becomes_a_file_named_by_its_number() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let source = dir.path().join("cran");
        std::fs::write(&source, TEXT).expect("writable");
        assert_eq!(split(&source, &dir.path().join("out")).expect("valid"), 2);
        let first = std::fs::read_to_string(dir.path().join("out/1.txt")).expect("written");
        assert_eq!(first, "wings in a slipstream .\n\nfirst line second .5 line\n");
    }

    #[test]
    fn grades_are_turned_round_and_queries_are_positions() {
        let mut queries =
            vec![Query { id: "001".into(), text: "a".into() }, Query { id: "004".into(), text: "b".into() }];
        let mut judgements =
            super::super::judged::judgements("2 0 d1 1\n2 0 d2 4\n2 0 d3 5\n2 0 d4 -1").expect("valid");
        number_by_position(&mut queries);
        codes_to_gains(&mut judgements);
        assert_eq!(queries[1].id, "2");
        let grade = |document: &str| judgements["2"][document];
        assert_eq!([grade("d1"), grade("d2"), grade("d3"), grade("d4")], [4.0, 1.0, 0.0, 0.0]);
    }
}
