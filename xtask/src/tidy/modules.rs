//! What a module must look like: it says what it owns, it is named after a noun, and it does not
//! reach for globals.

use super::finding::Finding;
use super::source::Source;
use super::tree::{File, Tree};

/// Drawers: a name that would fit anything tells a reader nothing.
const DRAWERS: &[&str] = &["common", "utils", "util", "helpers", "helper", "types", "misc"];
/// The only readers of the environment: configuration, the start of the binary, chores, and the one
/// place that hands a few variables on to the extractor's child.
const ENVIRONMENT: &[&str] = &[
    "crates/semantik-config/src/load.rs",
    "crates/semantik-ingest/src/extract/process.rs",
    "crates/semantik/src/main.rs",
    "xtask/src/main.rs",
];
/// Parts of `std::env` that are no setting.
const HARMLESS: &[&str] = &["::args", "::current_exe", "::temp_dir", "::consts"];

pub fn check(tree: &Tree) -> Vec<Finding> {
    tree.rust().flat_map(|file| [head(file), drawer(file)].into_iter().flatten().chain(lines(file))).collect()
}

fn head(file: &File) -> Option<Finding> {
    let first = file.text.lines().find(|line| !line.is_empty() && !line.starts_with("#!["));
    let said = first.is_some_and(|line| line.starts_with("//!"));
    let exempt = file.name() == "main.rs" || file.path.contains("/tests/data/");
    (!said && !exempt)
        .then(|| Finding::new(&file.path, 1, "no `//!`; begin by saying what the module owns and does not know"))
}

fn drawer(file: &File) -> Option<Finding> {
    let parts = file.path.strip_suffix(".rs").unwrap_or(&file.path).split('/');
    let name = parts.clone().find(|part| DRAWERS.contains(part))?;
    Some(Finding::new(&file.path, 1, format!("`{name}` names a drawer; name the noun that lives here")))
}

fn lines(file: &File) -> Vec<Finding> {
    let source = Source::read(file);
    let mut findings = Vec::new();
    // In a test with a paused clock a sleep takes no time: it moves the clock.
    let mut paused = false;
    for ((number, line), written) in source.lines().zip(file.text.split('\n')) {
        let test = source.is_test(number);
        if line.contains("test]") || line.contains("::test(") {
            paused = line.contains("start_paused");
        }
        // Where a test finds what a machine has prepared for it.
        let exempt = reads_environment(file) || (test && written.contains("\"SEMANTIK_TEST_"));
        let messages = [
            (!exempt).then(|| environment(line)).flatten(),
            (!test).then(|| glob_import(line)).flatten(),
            (test && !paused).then(|| sleep(line)).flatten(),
            allow(line),
            unfinished(line),
        ];
        findings.extend(messages.into_iter().flatten().map(|message| Finding::new(&file.path, number, message)));
    }
    findings
}

fn reads_environment(file: &File) -> bool {
    ENVIRONMENT.contains(&file.path.as_str()) || file.name() == "build.rs"
}

fn environment(line: &str) -> Option<&'static str> {
    let found = line.match_indices("std::env").any(|(at, what)| {
        let rest = &line[at + what.len()..];
        !HARMLESS.iter().any(|harmless| rest.starts_with(harmless))
    });
    found.then_some("reads the environment; take the value as an argument, only semantik-config/src/load.rs reads it")
}

fn glob_import(line: &str) -> Option<&'static str> {
    let import = line.trim_start();
    let import = import.strip_prefix("pub ").unwrap_or(import);
    (import.starts_with("use ") && import.contains("::*")).then_some("glob import; name what is used")
}

fn sleep(line: &str) -> Option<&'static str> {
    let sleeps = line.match_indices("sleep(").any(|(at, _)| line[..at].ends_with("::") || line[..at].ends_with(' '));
    let declared = line.contains("fn sleep(");
    (sleeps && !declared).then_some("a test that sleeps; wait for the event, or inject the clock")
}

fn allow(line: &str) -> Option<&'static str> {
    let attribute = line.trim_start();
    let is_attribute = attribute.starts_with("#[") || attribute.starts_with("#![");
    (is_attribute && (attribute.contains("[allow(") || attribute.contains(" allow(")))
        .then_some("`allow`; write `expect(lint, reason = \"…\")`, which tells when it is no longer needed")
}

fn unfinished(line: &str) -> Option<&'static str> {
    if ["todo!(", "unimplemented!("].iter().any(|mark| line.contains(mark)) {
        return Some("unfinished code does not land; finish it or leave it out");
    }
    line.contains("#[ignore").then_some("an ignored test proves nothing; make it run or delete it")
}
