//! Each rule catches a fault planted for it; the workspace itself has none.

use std::path::Path;

use super::tree::{File, Tree};
use super::{check, check_tree};

/// The findings in one planted file, as `line: message`.
fn plant(path: &str, text: &str) -> Vec<String> {
    let tree = Tree { files: vec![File { path: path.to_owned(), text: text.to_owned() }] };
    check_tree(&tree).iter().map(|finding| format!("{}: {}", finding.line, finding.message)).collect()
}

fn assert_found(path: &str, text: &str, line: usize, part: &str) {
    let found = plant(path, text);
    let expected = format!("{line}: ");
    assert!(
        found.iter().any(|finding| finding.starts_with(&expected) && finding.contains(part)),
        "`{part}` not found on line {line} of {path}: {found:?}"
    );
}

fn assert_clean(path: &str, text: &str) {
    let found = plant(path, text);
    assert!(found.is_empty(), "{path}: {found:?}");
}

fn module(code: &str) -> String {
    format!("//! A module.\n{code}\n")
}

const ANY: &str = "crates/semantik-app/src/search.rs";

#[test]
fn the_workspace_keeps_its_rules() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace");
    let findings = check(root).expect("the workspace can be read");
    let list: Vec<String> = findings.iter().map(ToString::to_string).collect();
    assert!(list.is_empty(), "cargo xtask tidy finds:\n{}", list.join("\n"));
}

#[test]
fn a_tidy_module_has_no_findings() {
    assert_clean(ANY, &module("pub fn find() -> &'static str { \"// todo!() std::env\" }"));
}

#[test]
fn an_engine_that_sees_another_is_found() {
    let manifest = "[package]\nname = \"semantik-index\"\n[dependencies]\nsemantik-store.workspace = true\n";
    assert_found("crates/semantik-index/Cargo.toml", manifest, 4, "must not see `store`");
}

#[test]
fn the_api_sees_engines_only_in_its_tests() {
    let manifest =
        |section| format!("[package]\nname = \"semantik-api\"\n[{section}]\nsemantik-index.workspace = true\n");
    assert_found("crates/semantik-api/Cargo.toml", &manifest("dependencies"), 4, "must not see `index`");
    assert_clean("crates/semantik-api/Cargo.toml", &manifest("dev-dependencies"));
}

#[test]
fn the_use_cases_do_not_know_the_web() {
    let manifest = "[package]\nname = \"semantik-app\"\n[dependencies]\naxum.workspace = true\n";
    assert_found("crates/semantik-app/Cargo.toml", manifest, 4, "must not see `axum`");
}

#[test]
fn a_crate_nobody_has_placed_is_found() {
    let manifest = "[package]\nname = \"semantik-extra\"\n[dependencies]\nsemantik-core.workspace = true\n";
    assert_found("crates/semantik-extra/Cargo.toml", manifest, 4, "not on the map");
}

#[test]
fn a_long_file_and_a_long_function_are_found() {
    assert_found(ANY, &module(&"// line\n".repeat(499)), 501, "501 lines; split it");
    let function = format!("fn long() {{\n{}}}", "    step();\n".repeat(70));
    assert_found(ANY, &module(&function), 2, "`long` has 72 lines");
    assert_clean(ANY, &module(&format!("#[cfg(test)]\nmod tests {{\n{function}\n}}")));
}

#[test]
fn a_module_without_a_word_about_itself_is_found() {
    assert_found(ANY, "fn find() {}\n", 1, "no `//!`");
}

#[test]
fn a_drawer_is_found() {
    assert_found("crates/semantik-app/src/utils.rs", &module(""), 1, "names a drawer");
    assert_found("crates/semantik-app/src/helpers/path.rs", &module(""), 1, "names a drawer");
}

#[test]
fn reading_the_environment_is_found_outside_the_loader() {
    let code = module("fn home() { std::env::var(\"HOME\"); }");
    assert_found(ANY, &code, 2, "reads the environment");
    assert_clean("crates/semantik-config/src/load.rs", &code);
    let test = module("fn folder() { std::env::var_os(\"SEMANTIK_TEST_FOLDER\"); }");
    assert_clean("crates/semantik-app/tests/stories.rs", &test);
    assert_found(ANY, &test, 2, "reads the environment");
    assert_clean(ANY, &module("fn exe() { std::env::current_exe(); std::env::temp_dir(); }"));
}

#[test]
fn a_glob_import_is_found_outside_tests() {
    assert_found(ANY, &module("use super::*;"), 2, "glob import");
    assert_clean(ANY, &module("#[cfg(test)]\nmod tests {\n    use super::*;\n}"));
}

#[test]
fn a_test_that_sleeps_is_found() {
    let test = "#[cfg(test)]\nmod tests {\n    fn wait() {\n        std::thread::sleep(second);\n    }\n}";
    assert_found(ANY, &module(test), 5, "a test that sleeps");
    let paused = "#[tokio::test(start_paused = true)]\nasync fn later() {\n    tokio::time::sleep(day).await;\n}";
    assert_clean(ANY, &module(paused));
    assert_clean(ANY, &module("async fn wait() { tokio::time::sleep(second).await }"));
}

#[test]
fn unfinished_and_silenced_code_is_found() {
    let macros = [concat!("to", "do!()"), concat!("unimplem", "ented!()")];
    for code in macros {
        assert_found(ANY, &module(&format!("fn later() {{ {code} }}")), 2, "unfinished code");
    }
    assert_found(ANY, &module(concat!("// TO", "DO: later")), 2, "does not land");
    assert_found(ANY, &module("#[ignore]\nfn skipped() {}"), 2, "ignored test");
    assert_found(ANY, &module("#[allow(dead_code)]\nfn unused() {}"), 2, "`allow`");
    assert_found(ANY, &module("#[cfg_attr(test, allow(dead_code))]\nfn unused() {}"), 2, "`allow`");
}

#[test]
fn paths_of_one_machine_and_registry_hosts_are_found() {
    assert_found("scripts/x.sh", concat!("cd /ro", "ot/x"), 1, "path of one machine");
    assert_found("docs/x.md", concat!("see `/ho", "me/someone`"), 1, "path of one machine");
    assert_found("docs/x.md", concat!("https://pypi", ".org/simple"), 1, "registry's host");
    assert_clean("docs/x.md", concat!("crates/network/wo", "rk/x"));
}

#[test]
fn error_codes_and_their_pages_go_together() {
    let file = |path: &str, text: &str| File { path: path.to_owned(), text: text.to_owned() };
    let table = file("crates/semantik-core/src/error.rs", "//! Codes.\n    NotFound \"not_found\" NotFound false,\n");
    let page = file("docs/errors/not_found.md", "# x\n## Meaning\n## Cause\n## Remedy\n");
    let find = |files: Vec<File>| check_tree(&Tree { files }).iter().map(ToString::to_string).collect::<Vec<_>>();
    assert!(find(vec![table.clone(), page.clone()]).is_empty());
    assert!(find(vec![table.clone()])[0].contains("has no page"));
    let orphan = file("docs/errors/gone.md", "");
    assert!(find(vec![table.clone(), page, orphan])[0].contains("no error has the code `gone`"));
    let thin = file("docs/errors/not_found.md", "## Meaning\n## Cause\n");
    assert!(find(vec![table, thin])[0].contains("no section `## Remedy`"));
}

#[test]
fn literals_and_comments_are_not_code() {
    assert_clean(ANY, &module("const A: &str = r#\"std::env::var \"quoted\" \"#; const B: char = '\"';"));
    assert_clean(ANY, &module("/* std::env::var /* nested */ todo!( */ fn f<'a>(x: &'a str) -> &'a str { x }"));
}
