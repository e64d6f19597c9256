//! Every error code has a page, every page has a code, and a page says what to do.

use std::collections::BTreeMap;

use super::finding::Finding;
use super::tree::Tree;

const TABLE: &str = "crates/semantik-core/src/error.rs";
const PAGES: &str = "docs/errors/";
const SECTIONS: &[&str] = &["## Meaning", "## Cause", "## Remedy"];

pub fn check(tree: &Tree) -> Vec<Finding> {
    let Some(table) = tree.files.iter().find(|file| file.path == TABLE) else { return Vec::new() };
    let codes = codes(&table.text);
    let pages: BTreeMap<&str, &str> = tree
        .files
        .iter()
        .filter_map(|file| {
            let name = file.path.strip_prefix(PAGES)?.strip_suffix(".md")?;
            (name != "README").then_some((name, file.text.as_str()))
        })
        .collect();
    let mut findings = Vec::new();
    for (code, line) in &codes {
        match pages.get(code.as_str()) {
            None => findings.push(Finding::new(TABLE, *line, format!("`{code}` has no page; write {PAGES}{code}.md"))),
            Some(text) => findings.extend(missing_sections(code, text)),
        }
    }
    for page in pages.keys().filter(|page| !codes.contains_key(**page)) {
        let message = format!("no error has the code `{page}`; rename or delete the page");
        findings.push(Finding::new(&format!("{PAGES}{page}.md"), 1, message));
    }
    findings
}

fn missing_sections(code: &str, text: &str) -> Vec<Finding> {
    let missing = SECTIONS.iter().filter(|section| !text.lines().any(|line| line == **section));
    missing
        .map(|section| Finding::new(&format!("{PAGES}{code}.md"), 1, format!("no section `{section}`; write it")))
        .collect()
}

/// Code names with their lines: rows `Variant "name" Class bool,` of the table.
fn codes(text: &str) -> BTreeMap<String, usize> {
    let rows = text.lines().enumerate().filter_map(|(at, line)| {
        let parts: Vec<&str> = line.split_whitespace().collect();
        let [_, name, _, "true," | "false,"] = parts.as_slice() else { return None };
        let name = name.strip_prefix('"')?.strip_suffix('"')?;
        Some((name.to_owned(), at + 1))
    });
    rows.collect()
}
