//! What a person or a script does with `semantik`, from the outside.

use serde_json::Value;

use crate::test_bin::{Home, Ran, wait_for};

fn three_files() -> Home {
    let home = Home::new();
    home.write("harbour.txt", "The harbour master keeps the tide tables in the northern office.");
    home.write("bread.md", "# Baking\n\nSourdough bread rises slowly in a cold kitchen.");
    home.write("deep/down/engine.txt", "The engine is serviced every ten thousand kilometres.");
    home
}

fn uris(answer: &Value) -> Vec<String> {
    answer["hits"].as_array().expect("hits").iter().map(|hit| hit["uri"].as_str().expect("a path").to_owned()).collect()
}

fn search(home: &Home, query: &str) -> Vec<String> {
    uris(&home.json(&["search", query, "--mode", "lexical"]))
}

fn completed(summary: &Value) -> u64 {
    summary["documents"]["completed"].as_u64().expect("a count")
}

#[test]
fn a_folder_is_indexed_and_found() {
    let home = three_files();
    let summary = home.index();
    assert_eq!(summary["status"], "completed");
    assert_eq!(summary["collection"], "documents");
    assert_eq!(summary["documents"], serde_json::json!({"completed": 3, "failed": 0, "skipped": 0, "pending": 0}));
    assert_eq!(summary["chunks"], summary["points"]);
    assert!(summary["seconds"].is_number() && summary["operation"].is_string());
    let formats = summary["formats"].as_array().expect("formats");
    assert_eq!(formats.iter().map(|f| f["count"].as_u64().expect("a count")).sum::<u64>(), 3);
    for mode in ["dense", "lexical", "hybrid"] {
        let answer = home.json(&["search", "sourdough bread", "--mode", mode]);
        assert_eq!(answer["mode"], mode);
        assert!(uris(&answer).contains(&"bread.md".to_owned()), "{mode}: {answer}");
    }
}

#[test]
fn indexing_again_changes_nothing() {
    let home = three_files();
    let first = home.index();
    let ids = |home: &Home| -> Vec<String> {
        let list = home.json(&["documents", "list"]);
        list["items"].as_array().expect("items").iter().map(|d| format!("{} {}", d["id"], d["updated_at"])).collect()
    };
    let before = ids(&home);
    let second = home.index();
    assert_eq!(before, ids(&home));
    assert_eq!((&first["documents"], &first["chunks"]), (&second["documents"], &second["chunks"]));
}

#[test]
fn edited_renamed_and_deleted_files_are_followed() {
    let home = three_files();
    home.index();
    home.write("harbour.txt", "The lighthouse keeper moved inland, and nobody has touched his notebooks since.");
    std::fs::rename(home.corpus().join("bread.md"), home.corpus().join("loaf.md")).expect("renamed");
    std::fs::remove_file(home.corpus().join("deep/down/engine.txt")).expect("deleted");
    let summary = home.index();
    assert_eq!(completed(&summary), 2);
    assert_eq!(summary["chunks"], summary["points"]);
    assert_eq!(search(&home, "lighthouse"), ["harbour.txt"]);
    assert_eq!(search(&home, "sourdough"), ["loaf.md"]);
    assert!(search(&home, "tide").is_empty(), "the old text is gone");
    assert!(search(&home, "kilometres").is_empty(), "the deleted file is gone");
    home.run(&["doctor", "--consistency", "--json"]).expect(0);
}

#[test]
fn a_renamed_file_is_found_by_its_new_name() {
    let home = three_files();
    home.index();
    assert!(search(&home, "pilotage").is_empty());
    std::fs::rename(home.corpus().join("harbour.txt"), home.corpus().join("pilotage.txt")).expect("renamed");
    home.index();
    assert_eq!(search(&home, "pilotage"), ["pilotage.txt"]);
    home.run(&["doctor", "--consistency", "--json"]).expect(0);
}

#[test]
fn what_an_edit_leaves_alone_keeps_its_chunk() {
    let home = Home::new();
    let section = |n: usize, word: &str| format!("# Part {n}\n\n{}\n\n", format!("{word}{n} ").repeat(120));
    let text = |edited| (0..20).map(|n| section(n, if n == edited { "fresh" } else { "old" })).collect::<String>();
    home.write("book.md", &text(99));
    home.index();
    let id = home.json(&["documents", "list"])["items"][0]["id"].as_str().expect("an id").to_owned();
    let chunks = |home: &Home| -> Vec<String> {
        let list = home.json(&["documents", "chunks", &id, "--limit", "1000"]);
        list["items"].as_array().expect("items").iter().map(|c| c["id"].as_str().expect("an id").to_owned()).collect()
    };
    let before = chunks(&home);
    home.write("book.md", &text(7));
    let summary = home.index();
    assert_eq!(summary["chunks"], summary["points"]);
    let after = chunks(&home);
    let kept = after.iter().filter(|id| before.contains(id)).count();
    assert!(kept >= 18 && kept < after.len(), "{kept} of {} chunks are the same", after.len());
    assert_eq!(search(&home, "fresh7").len(), 1);
    assert!(search(&home, "old7").is_empty());
    home.run(&["doctor", "--consistency", "--json"]).expect(0);
}

#[test]
fn a_killed_run_is_continued_by_the_next() {
    let home = Home::new();
    for number in 0..300 {
        home.write(&format!("{number}.txt"), &format!("document number{number} about topic{}", number % 7));
    }
    let corpus = home.corpus();
    let run = home.start(&["index", corpus.to_str().expect("a plain path")]);
    wait_for("rows to be written", || home.data().join("semantik.db").exists().then_some(()));
    run.signal(libc::SIGKILL);
    assert_eq!(run.wait().code, None, "a signal ended it");
    let summary = home.index();
    assert_eq!(completed(&summary), 300);
    assert_eq!(summary["chunks"], 300);
    assert_eq!(summary["points"], 300);
    assert_eq!(search(&home, "number123"), ["123.txt"]);
    home.run(&["doctor", "--consistency", "--json"]).expect(0);
}

#[test]
fn a_killed_server_loses_nothing() {
    let home = Home::new();
    for number in 0..600 {
        home.write(&format!("{number}.txt"), &format!("document number{number} about topic{}", number % 7));
    }
    let server = home.serve();
    home.json(&["index", home.corpus().to_str().expect("a plain path"), "--no-wait"]);
    wait_for("some documents to be done", || {
        let list = home.json(&["operations", "list"]);
        (list["items"][0]["progress"]["documents_done"].as_u64() > Some(20)).then_some(())
    });
    server.signal(libc::SIGKILL);
    assert_eq!(server.wait().code, None, "a signal ended it");
    let summary = home.index();
    assert_eq!(completed(&summary), 600);
    assert_eq!((&summary["chunks"], &summary["points"]), (&Value::from(600), &Value::from(600)));
    home.run(&["doctor", "--consistency", "--json"]).expect(0);
}

#[test]
fn a_second_server_is_told_who_holds_the_folder() {
    let home = three_files();
    let server = home.serve();
    let second = home.run(&["serve", "--bind", "127.0.0.1:0"]).expect(4);
    assert!(second.stderr.contains(&format!("process {} (semantik serve)", server.id())), "{}", second.stderr);
    assert!(second.stderr.contains(&home.url()), "{}", second.stderr);
    let error = home.run(&["serve", "--bind", "127.0.0.1:0", "--json"]).expect(4).error();
    assert_eq!(error["code"], "data_folder_busy");
    home.run(&["migrate", "status"]).expect(4);
}

#[test]
fn commands_talk_to_the_running_server() {
    let home = three_files();
    let server = home.serve();
    home.run(&["healthcheck"]).expect(0);
    assert_eq!(completed(&home.index()), 3);
    assert_eq!(search(&home, "sourdough"), ["bread.md"]);
    let started = home.json(&["index", home.corpus().to_str().expect("a plain path"), "--no-wait"]);
    let id = started["id"].as_str().expect("an id");
    assert_eq!(home.json(&["operations", "watch", id])["status"], "completed");
    assert_eq!(home.json(&["collections", "list"])[0]["name"], "documents");
    server.signal(libc::SIGTERM);
    server.wait().code.map(|code| assert_eq!(code, 0)).expect("it ended by itself");
    assert!(!home.data().join("serve.json").exists());
    home.run(&["healthcheck", "--json"]).expect(5);
    assert_eq!(search(&home, "sourdough"), ["bread.md"], "the folder is free again");
}

#[test]
fn a_second_collection_of_the_same_documents_embeds_nothing() {
    let home = three_files();
    let corpus = home.corpus();
    let corpus = corpus.to_str().expect("a plain path");
    let index = |name: &str| home.json(&["index", corpus, "--collection", name])["points"].as_u64().expect("a count");
    let server = home.serve();
    let embedded = || home.metric("semantik_embedding_cache_misses_total{purpose=\"passage\"}");
    let points = index("one");
    assert_eq!(embedded(), points, "every passage is computed");
    assert_eq!(index("two"), points);
    home.run(&["collections", "delete", "one", "--yes"]).expect(0);
    assert_eq!(index("one"), points);
    assert_eq!(embedded(), points, "nothing is computed again");
    assert_eq!(home.metric("semantik_embedding_cache_hits_total{purpose=\"passage\"}"), 2 * points);
    server.signal(libc::SIGTERM);
    server.wait().expect(0);
    let _server = home.serve();
    index("three");
    assert_eq!(embedded(), 0, "nor after a restart");
}

#[test]
fn a_port_in_use_is_a_clear_message() {
    let home = Home::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("bound").to_string();
    let ran = home.run(&["serve", "--bind", &address]).expect(4);
    assert!(ran.stderr.contains(&format!("{address} is in use")), "{}", ran.stderr);
}

#[test]
fn ctrl_c_cancels_and_says_so() {
    let home = Home::new();
    let server = home.serve();
    for number in 0..2000 {
        home.write(&format!("{number}.txt"), &format!("document number{number}"));
    }
    let corpus = home.corpus();
    let run = home.start(&["index", corpus.to_str().expect("a plain path")]);
    wait_for("an open operation", || {
        let open = home.json(&["operations", "list", "--open"]);
        open["items"].as_array().is_some_and(|items| !items.is_empty()).then_some(())
    });
    run.signal(libc::SIGINT);
    run.wait().expect(130);
    let operations = home.json(&["operations", "list"]);
    assert_eq!(operations["items"][0]["status"], "cancelled", "{operations}");
    drop(server);
}

#[test]
fn exit_codes_and_errors_are_for_scripts() {
    let home = three_files();
    home.run(&["no-such-command"]).expect(2);
    let usage = home.run(&["search", "x", "--limit", "many", "--json"]).expect(2).error();
    assert_eq!(usage["code"], "invalid_request");
    let missing = home.run(&["index", "no/such/folder", "--json"]).expect(3).error();
    assert!(missing["message"].as_str().expect("a message").contains("no/such/folder"), "{missing}");
    assert_eq!(home.run(&["collections", "show", "nothing", "--json"]).expect(3).error()["code"], "not_found");
    home.run(&["collections", "create", "notes"]).expect(0);
    assert_eq!(home.run(&["collections", "create", "notes", "--json"]).expect(4).error()["code"], "already_exists");
    home.run(&["collections", "delete", "notes"]).expect(2);
    home.run(&["collections", "delete", "notes", "--yes"]).expect(0);
    home.run(&["collections", "show", "notes"]).expect(3);
    let corpus = home.corpus();
    home.run(&["index", corpus.to_str().expect("a plain path"), "--no-wait"]).expect(2);
}

#[test]
fn a_data_folder_that_cannot_be_is_one_message() {
    let home = Home::new();
    std::fs::write(home.data(), "a file is in the way").expect("writable");
    let error = home.run(&["search", "x", "--json"]).expect(5).error();
    assert_eq!(error["code"], "data_folder_read_only");
}

#[test]
fn nothing_found_is_no_error_and_output_is_plain_in_a_pipe() {
    let home = three_files();
    home.index();
    let found = home.run(&["search", "sourdough", "--explain"]).expect(0);
    assert!(found.stdout.contains("bread.md") && found.stdout.contains("Sourdough bread rises"), "{}", found.stdout);
    assert!(!found.stdout.contains('\u{1b}'), "no colours in a pipe");
    let nothing = home.run(&["search", "xyzzyplugh", "--mode", "lexical"]).expect(0);
    assert!(nothing.stdout.contains("Nothing found."), "{}", nothing.stdout);
}

#[test]
fn search_conditions_narrow_the_answer() {
    let home = three_files();
    home.index();
    let names = |args: &[&str]| uris(&home.json(args));
    assert_eq!(names(&["search", "the", "kitchen", "engine", "--path-prefix", "deep/"]), ["deep/down/engine.txt"]);
    assert!(names(&["search", "engine", "--modified-before", "2001-01-01"]).is_empty());
    assert_eq!(names(&["search", "engine", "--limit", "1", "--group"]).len(), 1);
    assert!(names(&["search", "engine", "--mime", "application/pdf"]).is_empty());
}

#[test]
fn a_reranker_reads_the_best_candidates_again() {
    let home = three_files();
    home.index();
    let ask = |rerank: &str| {
        let mut command = home.command(&["search", "kitchen engine", "--explain", "--rerank", rerank, "--json"]);
        Ran::of(command.env("RERANK_MODEL", "any").output().expect("the binary starts")).expect(0).json()
    };
    let score = |hit: &Value| hit["explain"]["rerank"].as_f64();
    let hits = ask("yes")["hits"].as_array().expect("hits").clone();
    let scores: Vec<f64> = hits.iter().filter_map(score).collect();
    assert!(scores.len() == hits.len() && scores.len() == 3 && scores.is_sorted_by(|a, b| a >= b), "{scores:?}");
    assert!(ask("no")["hits"].as_array().expect("hits").iter().all(|hit| score(hit).is_none()));
    let error = home.run(&["search", "engine", "--rerank", "yes", "--json"]).expect(2).error();
    assert!(error["message"].as_str().is_some_and(|text| text.contains("RERANK_MODEL")), "{error}");
}

#[test]
fn documents_can_be_read_and_retried() {
    let home = three_files();
    home.index();
    let list = home.json(&["documents", "list", "--path-prefix", "bread"]);
    let id = list["items"][0]["id"].as_str().expect("an id").to_owned();
    assert!(home.run(&["documents", "content", &id]).expect(0).stdout.contains("Sourdough"));
    assert_eq!(home.json(&["documents", "chunks", &id])["items"][0]["ordinal"], 0);
    home.run(&["documents", "show", &id]).expect(0);
    home.run(&["documents", "retry-failed"]).expect(0);
}

#[test]
fn eval_prints_figures_per_mode_and_leaves_nothing_behind() {
    let home = three_files();
    std::fs::write(home.path("queries.tsv"), "q1\tsourdough bread\nq2\ttide tables\nq3\tnobody knows\n")
        .expect("writable");
    std::fs::write(home.path("qrels.txt"), "q1 0 bread 1\nq2 0 harbour 2\n").expect("writable");
    let corpus = home.corpus();
    let report = home.json(&[
        "eval",
        corpus.to_str().expect("a plain path"),
        "--queries",
        "queries.tsv",
        "--qrels",
        "qrels.txt",
        "--modes",
        "lexical",
    ]);
    assert_eq!(report["queries"], 2);
    let mode = &report["modes"][0];
    assert_eq!(mode["mode"], "lexical");
    for figure in ["ndcg_10", "map", "recall_100", "mrr_10"] {
        assert_eq!(mode[figure]["mean"], 1.0, "{figure}: {report}");
    }
    assert_eq!(home.json(&["collections", "list"]), serde_json::json!([]));
}

#[test]
fn migrations_can_be_looked_at() {
    let home = Home::new();
    home.json(&["collections", "list"]);
    let status = home.json(&["migrate", "status"]);
    let all = status["migrations"].as_array().expect("migrations");
    assert!(!all.is_empty() && all.iter().all(|m| m["applied"] == true), "{status}");
}
