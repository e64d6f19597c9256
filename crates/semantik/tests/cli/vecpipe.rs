//! `semantik vecpipe` from the outside: its start and end, its neighbours, its page in the docs.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;

use serde_json::{Value, json};

use crate::test_bin::{Home, Ran, Running, wait_for};

/// A running service and where it answers.
struct Service {
    process: Running,
    address: String,
}

impl Service {
    fn start(home: &Home) -> Self {
        let mut command = home.command(&["vecpipe", "--bind", "127.0.0.1:0"]);
        let process = Running::of(command.env("RERANK_MODEL", "mock"));
        let id = process.id();
        let file = home.data().join("vecpipe/serve.json");
        let url = wait_for("the service's address", || {
            let value: Value = serde_json::from_slice(&std::fs::read(&file).ok()?).ok()?;
            // An earlier one that was killed may have left its own.
            (value["pid"] == id).then(|| value["url"].as_str().expect("a URL").to_owned())
        });
        Self { process, address: url.trim_start_matches("http://").to_owned() }
    }

    /// Status and body of a request; `None` when the service went away.
    fn try_send(&self, method: &str, path: &str, body: &str) -> Option<(u16, String)> {
        let mut stream = TcpStream::connect(&self.address).ok()?;
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}",
            self.address
        );
        stream.write_all(request.as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
    }

    fn send(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        self.try_send(method, path, body).expect("the service answers")
    }
}

#[test]
fn the_model_service_runs_beside_the_server_and_ends_cleanly() {
    let home = Home::new();
    let _server = home.serve();
    let service = Service::start(&home);
    assert_eq!(service.send("GET", "/health", "").0, 200);
    wait_for("the default model", || (service.send("GET", "/readyz", "").0 == 200).then_some(()));
    let second = home.run(&["vecpipe", "--bind", "127.0.0.1:0"]).expect(4);
    assert!(
        second.stderr.contains("(semantik vecpipe)") && second.stderr.contains(&service.address),
        "{}",
        second.stderr
    );
    service.process.signal(libc::SIGTERM);
    service.process.wait().expect(0);
    assert!(!home.data().join("vecpipe/serve.json").exists());
}

#[test]
fn documents_are_embedded_by_the_service_in_either_protocol() {
    for (provider, path) in [("tei", ""), ("openai", "/v1")] {
        let home = Home::new();
        let service = Service::start(&home);
        wait_for("the default model", || (service.send("GET", "/readyz", "").0 == 200).then_some(()));
        home.write("harbour.txt", "The harbour master keeps the tide tables in the northern office.");
        home.write("bread.txt", "Sourdough bread rises slowly in a cold kitchen.");
        let ask = |args: &[&str]| {
            let mut command = home.command(args);
            command
                .arg("--json")
                .env_remove("USE_MOCK_EMBEDDINGS")
                .env("EMBEDDING_PROVIDER", provider)
                .env("EMBEDDING_API_URL", format!("http://{}{path}", service.address))
                .env("DEFAULT_EMBEDDING_MODEL", "mock");
            Ran::of(command.output().expect("the binary starts")).expect(0).json()
        };
        let corpus = home.corpus();
        let summary = ask(&["index", corpus.to_str().expect("a plain path")]);
        assert_eq!((&summary["documents"]["completed"], &summary["points"]), (&json!(2), &json!(2)), "{provider}");
        let answer = ask(&["search", "tide tables of the harbour", "--mode", "dense"]);
        assert_eq!(answer["hits"][0]["uri"], "harbour.txt", "{provider}: {answer}");
        // The same model in this process goes on with the same vectors.
        let answer = home.json(&["search", "tide tables of the harbour", "--mode", "dense"]);
        assert_eq!(answer["hits"][0]["uri"], "harbour.txt", "{provider}: {answer}");
    }
}

#[test]
fn the_service_reranks_for_a_server() {
    let home = Home::new();
    let service = Service::start(&home);
    home.write("harbour.txt", "The harbour master keeps the tide tables in the northern office.");
    home.index();
    let search = |url: &str| {
        let mut command = home.command(&["search", "tide tables", "--explain", "--json"]);
        // The mock computes everything in this process.
        command.env_remove("USE_MOCK_EMBEDDINGS").env("EMBEDDING_PROVIDER", "tei").env("RERANK_PROVIDER", "openai");
        command.env("EMBEDDING_API_URL", format!("http://{}", service.address)).env("RERANK_API_URL", url);
        command.env("DEFAULT_EMBEDDING_MODEL", "mock").env("RERANK_MODEL", "mock");
        Ran::of(command.output().expect("the binary starts"))
    };
    let answer = search(&format!("http://{}/v1", service.address)).expect(0).json();
    assert!(answer["hits"][0]["explain"]["rerank"].as_f64().is_some(), "{answer}");
    let answer = search("http://127.0.0.1:9/v1").expect(0).json();
    assert!(answer["hits"][0]["explain"]["rerank"].is_null(), "{answer}");
    let notices = answer["notices"].to_string();
    assert!(notices.contains("not reranked") && notices.contains("RERANK_API_URL"), "{answer}");
}

#[test]
fn without_a_key_only_this_machine_is_answered() {
    let home = Home::new();
    let error = home.run(&["vecpipe", "--bind", "0.0.0.0:0", "--json"]).expect(2).error();
    assert_eq!(error["code"], "invalid_config");
    assert!(error["hint"].as_str().expect("a hint").contains("INTERNAL_API_KEY"), "{error}");
}

#[test]
fn a_metrics_port_in_use_is_a_clear_message() {
    let home = Home::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("bound").port().to_string();
    let mut command = home.command(&["vecpipe", "--bind", "127.0.0.1:0"]);
    let output = command.env("METRICS_PORT", port).output().expect("the binary starts");
    assert_eq!(output.status.code(), Some(4));
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(message.contains("is in use") && message.contains("METRICS_PORT"), "{message}");
}

#[test]
fn points_that_were_acknowledged_survive_a_kill() {
    let home = Home::new();
    let service = Service::start(&home);
    let upsert = |service: &Service, round: u64| {
        let points: Vec<Value> = (0..20)
            .map(|id| json!({ "id": id, "text": format!("point{id} of round{round}"), "payload": { "round": round } }))
            .collect();
        service.try_send("POST", "/upsert", &json!({ "collection": "rounds", "points": points }).to_string())
    };
    assert_eq!(upsert(&service, 0).expect("an answer").0, 200);
    // Killed somewhere in a stream of changes of the same points.
    let acknowledged = std::thread::scope(|scope| {
        let writer =
            scope.spawn(|| (1..).take_while(|round| upsert(&service, *round).is_some_and(|a| a.0 == 200)).last());
        wait_for("some rounds", || {
            let (_, body) = service.send("POST", "/search", r#"{"collection":"rounds","query":"point1","k":1}"#);
            (serde_json::from_str::<Value>(&body).ok()?["results"][0]["payload"]["round"].as_u64()? >= 3).then_some(())
        });
        service.process.signal(libc::SIGKILL);
        writer.join().expect("the writer ends").expect("some rounds")
    });
    drop(service);
    let service = Service::start(&home);
    let query = json!({ "collection": "rounds", "query": "point", "k": 100 }).to_string();
    let (status, body) = service.send("POST", "/search", &query);
    assert_eq!(status, 200, "{body}");
    let body: Value = serde_json::from_str(&body).expect("JSON");
    let rounds: Vec<u64> =
        body["results"].as_array().expect("hits").iter().filter_map(|hit| hit["payload"]["round"].as_u64()).collect();
    assert_eq!(rounds.len(), 20, "every point once: {body}");
    assert!(rounds.iter().all(|round| *round == rounds[0]), "a change is there as a whole: {rounds:?}");
    assert!(rounds[0] == acknowledged || rounds[0] == acknowledged + 1, "{} after {acknowledged}", rounds[0]);
}

#[test]
fn every_request_in_the_documentation_is_answered() {
    let home = Home::new();
    let service = Service::start(&home);
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/vecpipe.md");
    let page = std::fs::read_to_string(page).expect("the page is there");
    let mut seen = 0;
    for line in page.lines().filter(|line| line.starts_with("curl ")) {
        let rest = line.strip_prefix("curl -s http://127.0.0.1:8000").unwrap_or_else(|| panic!("another form: {line}"));
        let (path, body) = rest.split_once(" -d '").expect("a path and a body");
        let (status, answer) = service.send("POST", path, body.trim_end_matches('\''));
        assert!((200..300).contains(&status), "{line}: {status} {answer}");
        seen += 1;
    }
    assert!(seen >= 12, "only {seen} requests were found");
}
