//! The house rules that neither cargo nor clippy keeps, one file per kind of rule. A rule takes the
//! tree of text files and gives findings; it knows no other rule.

mod error_pages;
mod finding;
mod limits;
mod modules;
mod source;
#[cfg(test)]
mod tests;
mod tree;
mod walls;
mod words;

use std::io;
use std::path::Path;

pub use finding::Finding;
use tree::Tree;

/// Every finding in the workspace at `root`, in path order.
///
/// # Errors
/// When a folder or file cannot be read.
pub fn check(root: &Path) -> io::Result<Vec<Finding>> {
    Ok(check_tree(&Tree::read(root)?))
}

fn check_tree(tree: &Tree) -> Vec<Finding> {
    let rules: [fn(&Tree) -> Vec<Finding>; 5] =
        [walls::check, limits::check, modules::check, words::check, error_pages::check];
    let mut findings: Vec<Finding> = rules.iter().flat_map(|rule| rule(tree)).collect();
    findings.sort();
    findings.dedup();
    findings
}
