//! Every `semantik …` command that the documentation shows is one that works.

use std::path::{Path, PathBuf};

use crate::test_bin::Home;

/// Commands that need what a test does not have (a hub, judged data, a port to keep): that the program
/// understands them has to do.
const ONLY_UNDERSTOOD: &[&str] = &[
    "serve",
    "vecpipe",
    "eval",
    "models pull",
    "models import",
    "models info",
    "models measure",
    "models prefixes",
    "models remove",
    "models verify",
];

/// Markdown files of the project and the help of every command.
fn pages(home: &Home) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut files = vec![root.join("README.md"), root.join("ARCHITECTURE.md")];
    let mut folders = vec![root.join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("docs are there") {
            let path: PathBuf = entry.expect("docs are there").path();
            match path.extension() {
                _ if path.is_dir() => folders.push(path),
                Some(extension) if extension == "md" => files.push(path),
                _ => {}
            }
        }
    }
    let read = |path: PathBuf| (path.display().to_string(), std::fs::read_to_string(path).expect("is text"));
    let mut pages: Vec<_> = files.into_iter().map(read).collect();
    let main = home.run(&["--help"]).expect(0).stdout;
    let section = main.split("Commands:\n").nth(1).expect("a list of commands");
    for line in section.lines().take_while(|line| line.starts_with("  ")) {
        let name = line.split_whitespace().next().expect("a name");
        if name != "help" {
            pages.push((format!("{name} --help"), home.run(&[name, "--help"]).expect(0).stdout));
        }
    }
    pages
}

/// Commands in lines of their own and in code spans, which may be broken over lines.
fn commands(page: &str) -> Vec<String> {
    let lines = page.lines().map(str::trim).filter(|line| line.starts_with("semantik "));
    let own = lines.map(|line| line.split("  ").next().unwrap_or(line).split(" #").next().unwrap_or(line).to_owned());
    let spans = page.split('`').skip(1).step_by(2).map(|span| span.split_whitespace().collect::<Vec<_>>().join(" "));
    own.chain(spans.filter(|span| span.starts_with("semantik "))).collect()
}

/// Words of a command, as a shell would cut them, with placeholders filled in.
fn words(command: &str, home: &Home, document: &str, operation: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (at, part) in command.split('"').enumerate() {
        if at % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    let corpus = home.corpus().display().to_string();
    let fill = |word: &str| match word {
        "FOLDER" | "~/Documents" | "~/notes" | "<folder>" | "." | "/usr/share/doc" => corpus.clone(),
        "ID" | "0198c0de-…" if command.contains("operations") => operation.to_owned(),
        "ID" | "0198c0de-…" => document.to_owned(),
        // Examples in order make it a second time.
        "notes" if command.contains("collections create") => "more-notes".to_owned(),
        "NAME" | "COLLECTION" => "documents".to_owned(),
        "<command>" => "search".to_owned(),
        other => other.to_owned(),
    };
    words[1..].iter().map(|word| fill(word)).collect()
}

#[test]
fn every_command_in_the_documentation_works() {
    let home = Home::new();
    home.write("a.txt", "The harbour master keeps the tide tables.");
    let summary = home.index();
    let operation = summary["operation"].as_str().expect("an id").to_owned();
    let list = home.json(&["documents", "list"]);
    let document = list["items"][0]["id"].as_str().expect("an id").to_owned();
    let (mut ran, mut wrong) = (0, Vec::new());
    for (page, text) in pages(&home) {
        for command in commands(&text) {
            let mut words = words(&command, &home, &document, &operation);
            let line = words.join(" ");
            // Prose names commands without what they need.
            let bare = words.iter().all(|word| word.chars().all(|c| c.is_ascii_lowercase()));
            if bare || ONLY_UNDERSTOOD.iter().any(|prefix| line.starts_with(prefix)) {
                words.push("--help".to_owned());
            }
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let result = home.run(&words);
            ran += 1;
            if result.code != Some(0) {
                wrong.push(format!("{page}: `{command}` ended with {:?}: {}", result.code, result.stderr.trim()));
            }
        }
    }
    assert!(ran > 30, "only {ran} commands were found");
    assert!(wrong.is_empty(), "{ran} commands, of which fail:\n{}", wrong.join("\n"));
}
