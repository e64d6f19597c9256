//! Words that no file of ours may hold: marks of unfinished work, paths of one machine, hosts of
//! package registries (the ordinary client of each registry has its own settings).

use super::finding::Finding;
use super::source::is_word;
use super::tree::{File, Tree};

// Written in pieces, so that this file passes its own rule.
const UNFINISHED: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];
const MACHINE: &[&str] = &[concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/")];
const REGISTRIES: &[&str] = &[
    concat!("pypi", ".org"),
    concat!("pythonhosted", ".org"),
    concat!("index.crates", ".io"),
    concat!("static.crates", ".io"),
    concat!("npmjs", ".org"),
    concat!("proxy.golang", ".org"),
    concat!("deb.debian", ".org"),
];

pub fn check(tree: &Tree) -> Vec<Finding> {
    let ours = tree.files.iter().filter(|file| !file.path.ends_with(".lock"));
    ours.flat_map(words).collect()
}

fn words(file: &File) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (at, line) in file.text.lines().enumerate() {
        let messages = [unfinished(file, line), machine_path(line), registry(line)];
        findings.extend(messages.into_iter().flatten().map(|message| Finding::new(&file.path, at + 1, message)));
    }
    findings
}

fn unfinished(file: &File, line: &str) -> Option<String> {
    let code = file.has_extension(&["rs", "ts", "tsx", "js", "css", "py", "sh", "toml", "html"]);
    let found = UNFINISHED.iter().find(|mark| code && stands_alone(line, mark))?;
    Some(format!("`{found}` does not land; finish it or open an issue"))
}

fn machine_path(line: &str) -> Option<String> {
    let found = MACHINE.iter().find(|path| {
        line.match_indices(**path).any(|(at, _)| {
            let before = line[..at].bytes().next_back();
            !before.is_some_and(|byte| is_word(byte) || b".-}~*)>".contains(&byte))
        })
    })?;
    Some(format!("`{found}` is a path of one machine; take it from a setting or from the manifest's folder"))
}

fn registry(line: &str) -> Option<String> {
    let found = REGISTRIES.iter().find(|host| line.contains(**host))?;
    Some(format!("`{found}` is a registry's host; leave the address to the registry's own client"))
}

fn stands_alone(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].bytes().next_back();
        let after = line[at + word.len()..].bytes().next();
        !before.is_some_and(is_word) && !after.is_some_and(is_word)
    })
}
