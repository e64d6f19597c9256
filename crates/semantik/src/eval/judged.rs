//! Query files and relevance judgements, in the formats people have them.

use std::collections::HashMap;

use serde_json::Value;

use super::metrics::Grades;
use crate::error::CliError;

/// A query and its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    pub id: String,
    pub text: String,
}

/// Queries as `.I`/`.W` records, JSON Lines (`_id` or `id`, `text`) or `id<TAB>text`.
pub fn queries(text: &str) -> Result<Vec<Query>, CliError> {
    let first = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    let queries: Vec<Query> = if first.starts_with(".I") {
        super::cranfield::records(text)
            .into_iter()
            .map(|record| Query { id: record.id.clone(), text: record.field('W') })
            .collect()
    } else if first.starts_with('{') {
        numbered(text).map(|(number, line)| json_query(number, line)).collect::<Result<_, _>>()?
    } else {
        numbered(text).map(|(number, line)| tab_query(number, line)).collect::<Result<_, _>>()?
    };
    if queries.is_empty() {
        return Err(CliError::usage("the query file holds no query")
            .hint("formats: .I/.W records, JSON Lines with id and text, or id<TAB>text"));
    }
    Ok(queries)
}

fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(at, line)| (at + 1, line.trim())).filter(|(_, line)| !line.is_empty())
}

fn json_query(number: usize, line: &str) -> Result<Query, CliError> {
    let bad = |why: &str| CliError::usage(format!("query file, line {number}: {why}"));
    let value: Value = serde_json::from_str(line).map_err(|e| bad(&e.to_string()))?;
    let id = value.get("_id").or_else(|| value.get("id")).ok_or_else(|| bad("neither `_id` nor `id`"))?;
    let text = value.get("text").and_then(Value::as_str).ok_or_else(|| bad("no `text`"))?;
    let id = id.as_str().map_or_else(|| id.to_string(), str::to_owned);
    Ok(Query { id, text: text.to_owned() })
}

fn tab_query(number: usize, line: &str) -> Result<Query, CliError> {
    let (id, text) = line
        .split_once('\t')
        .ok_or_else(|| CliError::usage(format!("query file, line {number}: expected id<TAB>text")))?;
    Ok(Query { id: id.trim().to_owned(), text: text.trim().to_owned() })
}

/// Judgements as `query document grade` or TREC `query 0 document grade`.
pub fn judgements(text: &str) -> Result<HashMap<String, Grades>, CliError> {
    let mut judgements: HashMap<String, Grades> = HashMap::new();
    for (number, line) in numbered(text) {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (query, document, grade) = match fields.as_slice() {
            [query, document, grade] | [query, _, document, grade] => (*query, *document, *grade),
            _ => {
                return Err(CliError::usage(format!(
                    "judgements, line {number}: expected `query document grade` or `query 0 document grade`"
                )));
            }
        };
        let Ok(grade) = grade.parse::<f64>() else {
            // A first line with names of columns is common.
            if number == 1 {
                continue;
            }
            return Err(CliError::usage(format!("judgements, line {number}: `{grade}` is not a number")));
        };
        judgements.entry(query.to_owned()).or_default().insert(document.to_owned(), grade);
    }
    if judgements.is_empty() {
        return Err(CliError::usage("the judgements file holds no judgement"));
    }
    Ok(judgements)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<(String, String)> {
        queries(text).expect("valid").into_iter().map(|q| (q.id, q.text)).collect()
    }

    #[test]
    fn queries_come_in_three_formats() {
        let expected = vec![("1".to_owned(), "heated wings".to_owned()), ("2".to_owned(), "cold wings".to_owned())];
        assert_eq!(pairs("1\theated wings\n\n2\tcold wings\n"), expected);
        assert_eq!(pairs("{\"_id\":\"1\",\"text\":\"heated wings\"}\n{\"id\":2,\"text\":\"cold wings\"}"), expected);
        assert_eq!(pairs(".I 1\n.W\nheated\nwings\n.I 2\n.W\ncold wings\n"), expected);
    }

    #[test]
    fn judgements_come_with_three_or_four_columns() {
        for text in ["1 d7 2\n1 d8 0", "1 0 d7 2\n1 0 d8 0", "query-id\tcorpus-id\tscore\n1\td7\t2\n1\td8\t0"] {
            let judged = judgements(text).expect("valid");
            assert_eq!(judged["1"]["d7"], 2.0);
            assert_eq!(judged["1"]["d8"], 0.0);
        }
    }

    #[test]
    fn a_broken_line_is_named() {
        let message = |result: Result<(), CliError>| result.expect_err("broken").message;
        assert!(message(queries("no tab here").map(drop)).contains("line 1"));
        assert!(message(queries("{\"text\":\"x\"}").map(drop)).contains("line 1"));
        assert!(message(judgements("1 d7 2\n1 d7").map(drop)).contains("line 2"));
        assert!(message(judgements("1 d7 2\n1 d8 good").map(drop)).contains("line 2"));
    }
}
