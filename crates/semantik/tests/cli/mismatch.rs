//! A collection and a model that do not fit together.

use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::test_bin::{Home, Ran};

/// The command with a small real model in place of the mock.
fn with_model(home: &Home, args: &[&str]) -> Command {
    let mut command = home.command(args);
    command
        .arg("--json")
        .env_remove("USE_MOCK_EMBEDDINGS")
        .env("HF_CACHE_DIR", home.path("models"))
        .env("DEFAULT_EMBEDDING_MODEL", "tiny-nomic");
    command
}

fn run(home: &Home, args: &[&str]) -> Ran {
    Ran::of(with_model(home, args).output().expect("the binary starts"))
}

fn home_with_model() -> Home {
    let home = Home::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../semantik-inference/tests/data/tiny/nomic");
    let folder = folder.to_str().expect("a plain path");
    run(&home, &["models", "import", folder, "--name", "tiny-nomic"]).expect(0);
    home.write("harbour.txt", "The harbour master keeps the tide tables in the northern office.");
    home
}

#[test]
fn a_folder_is_not_indexed_with_another_model_and_nothing_fails() {
    let home = home_with_model();
    home.index();
    home.write("bread.txt", "Sourdough bread rises slowly in a cold kitchen.");
    let corpus = home.corpus();
    let corpus = corpus.to_str().expect("a plain path");
    let error = run(&home, &["index", corpus]).expect(4).error();
    assert_eq!(error["code"], "model_mismatch");
    let message = error["message"].as_str().expect("a message");
    assert!(message.contains("model mock (float32") && message.contains("tiny-nomic (float16"), "{message}");
    let summary = home.json(&["index", corpus]);
    assert_eq!(summary["documents"]["completed"], json!(2), "{summary}");
}

#[test]
fn another_passage_prefix_makes_other_vectors_and_another_query_prefix_does_not() {
    let home = home_with_model();
    let corpus = home.corpus();
    run(&home, &["index", corpus.to_str().expect("a plain path")]).expect(0);
    let search = || run(&home, &["search", "tide tables", "--mode", "dense"]);
    run(&home, &["models", "prefixes", "tiny-nomic", "--query", "query: "]).expect(0);
    search().expect(0);
    run(&home, &["models", "prefixes", "tiny-nomic", "--passage", "passage: "]).expect(0);
    let error = search().expect(4).error();
    assert_eq!(error["code"], "model_mismatch");
    assert!(error["message"].as_str().is_some_and(|text| text.contains("\"passage: \"")), "{error}");
    run(&home, &["models", "prefixes", "tiny-nomic", "--reset"]).expect(0);
    search().expect(0);
}
