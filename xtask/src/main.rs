//! Chores of the workspace: `cargo xtask tidy` checks the house rules no compiler knows.

mod tidy;

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let command = std::env::args().nth(1);
    match command.as_deref() {
        Some("tidy") => report(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))),
        Some(other) => usage(&format!("there is no chore `{other}`")),
        None => usage("which chore?"),
    }
}

fn report(root: &Path) -> ExitCode {
    let findings = match tidy::check(root) {
        Ok(findings) => findings,
        Err(error) => {
            eprintln!("tidy: the workspace could not be read: {error}");
            return ExitCode::FAILURE;
        }
    };
    for finding in &findings {
        println!("{finding}");
    }
    match findings.len() {
        0 => ExitCode::SUCCESS,
        count => {
            eprintln!("tidy: {count} findings");
            ExitCode::FAILURE
        }
    }
}

fn usage(problem: &str) -> ExitCode {
    eprintln!("xtask: {problem}\nusage: cargo xtask tidy    check walls, limits and forbidden words");
    ExitCode::from(2)
}
