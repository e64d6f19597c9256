//! The walls between crates, read from the manifests: who may depend on whom, and which foreign
//! crate belongs behind which wall.

use super::finding::Finding;
use super::tree::{File, Tree};

const ENGINES: &[&str] = &["store", "index", "inference", "ingest", "projection"];

/// Foreign crates that must not be seen from here; the drivers live behind the engine crates.
const DRIVERS: &[&str] = &[
    "sea-orm",
    "sea-orm-migration",
    "sqlx",
    "rusqlite",
    "tantivy",
    "qdrant-client",
    "kreuzberg",
    "tokenizers",
    "safetensors",
    "gemm",
];
const WEB: &[&str] = &["axum", "axum-extra", "tower-http", "utoipa-axum", "hyper", "http"];

pub fn check(tree: &Tree) -> Vec<Finding> {
    let manifests = tree.files.iter().filter(|file| file.path.starts_with("crates/") && file.name() == "Cargo.toml");
    manifests.flat_map(manifest).collect()
}

fn manifest(file: &File) -> Vec<Finding> {
    let Ok(table) = file.text.parse::<toml::Table>() else {
        return vec![Finding::new(&file.path, 1, "this manifest is no TOML; cargo says where")];
    };
    let name = table.get("package").and_then(|package| package.get("name")).and_then(toml::Value::as_str);
    let name = name.unwrap_or_default();
    let crate_name = name.strip_prefix("semantik-").unwrap_or(if name == "semantik" { "binary" } else { name });
    let mut findings = Vec::new();
    for (section, test_only) in [("dependencies", false), ("build-dependencies", false), ("dev-dependencies", true)] {
        let Some(dependencies) = table.get(section).and_then(toml::Value::as_table) else { continue };
        for dependency in dependencies.keys() {
            let problem = edge(crate_name, dependency, test_only);
            findings.extend(problem.map(|problem| Finding::new(&file.path, line_of(file, dependency), problem)));
        }
    }
    findings
}

/// What is wrong with the edge, if anything.
fn edge(from: &str, dependency: &str, test_only: bool) -> Option<String> {
    if let Some(to) = dependency.strip_prefix("semantik-") {
        let Some(below) = allowed(from) else {
            return Some(format!("`{from}` is not on the map of crates; add it to xtask and write an ADR"));
        };
        // Tests of the HTTP layer run on real engines; nothing lower needs such an exception.
        let fine = below.contains(&to) || (test_only && from == "api" && ENGINES.contains(&to));
        return (!fine)
            .then(|| format!("`{from}` must not see `{to}`; ask through the crates it may see: {}", below.join(", ")));
    }
    let foreign = match from {
        "core" | "config" => DRIVERS.contains(&dependency) || WEB.contains(&dependency) || dependency == "tokio",
        "api" => DRIVERS.contains(&dependency) && !test_only,
        "binary" => DRIVERS.contains(&dependency),
        _ => WEB.contains(&dependency),
    };
    foreign.then(|| format!("`{from}` must not see `{dependency}`; it belongs behind another crate's wall"))
}

/// The crates below; `None` for a crate nobody has placed.
fn allowed(from: &str) -> Option<Vec<&'static str>> {
    let engines = || ENGINES.iter().copied();
    let base = ["core", "config"];
    Some(match from {
        "core" => Vec::new(),
        "config" => vec!["core"],
        engine if ENGINES.contains(&engine) => base.to_vec(),
        "app" => base.into_iter().chain(engines()).collect(),
        "api" => base.into_iter().chain(["app"]).collect(),
        "binary" => base.into_iter().chain(engines()).chain(["app", "api"]).collect(),
        _ => return None,
    })
}

fn line_of(file: &File, dependency: &str) -> usize {
    file.text.lines().position(|line| line.trim_start().starts_with(dependency)).map_or(1, |at| at + 1)
}
