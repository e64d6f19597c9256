//! The model cache: where models come from and what happens when they are damaged.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use semantik_inference::InferenceError;
use semantik_inference::models::{DEFAULT_MODEL, ModelCache, PullEvent, PullOptions};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

type Requests = Arc<Mutex<Vec<String>>>;

/// A hub on a free port that serves `files` by path, ranges included; answers its address and
/// a log of what was asked.
async fn hub(files: HashMap<&'static str, Vec<u8>>) -> (String, Requests) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = format!("http://{}", listener.local_addr().expect("the port is bound"));
    let requests = Requests::default();
    let log = Arc::clone(&requests);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let mut stream = BufReader::new(stream);
            let mut head = Vec::new();
            let mut line = String::new();
            while stream.read_line(&mut line).await.is_ok_and(|size| size > 2) {
                head.push(std::mem::take(&mut line).trim().to_lowercase());
            }
            log.lock().expect("no test panics here").push(head.join("|"));
            drop(stream.write_all(&answer(&head, &files)).await);
        }
    });
    (address, requests)
}

fn answer(head: &[String], files: &HashMap<&'static str, Vec<u8>>) -> Vec<u8> {
    let path = head[0].split(' ').nth(1).unwrap_or_default();
    let Some((_, body)) = files.iter().find(|(name, _)| path.ends_with(&format!("/resolve/main/{name}"))) else {
        return b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_vec();
    };
    let from =
        head.iter().find_map(|line| line.strip_prefix("range: bytes=")?.strip_suffix('-')?.parse::<usize>().ok());
    let (status, body) = (if from.is_some() { "206 Partial Content" } else { "200 OK" }, &body[from.unwrap_or(0)..]);
    let mut reply =
        format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len()).into_bytes();
    reply.extend_from_slice(body);
    reply
}

fn model_files() -> HashMap<&'static str, Vec<u8>> {
    [("config.json", "{}"), ("tokenizer.json", "{\"a\":1}"), ("model.safetensors", "0123456789")]
        .map(|(name, text)| (name, text.as_bytes().to_vec()))
        .into()
}

fn write_all(folder: &Path, files: &HashMap<&'static str, Vec<u8>>) {
    files
        .iter()
        .for_each(|(name, bytes)| std::fs::write(folder.join(name), bytes).expect("a temporary folder is writable"));
}

fn cache() -> (TempDir, ModelCache) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let cache = ModelCache::new(folder.path().join("models"));
    (folder, cache)
}

fn options(endpoint: String) -> PullOptions {
    PullOptions { endpoint: Some(endpoint), ..PullOptions::default() }
}

#[tokio::test]
async fn a_model_comes_from_the_hub_and_is_asked_for_once() {
    let (_folder, cache) = cache();
    let (address, requests) = hub(model_files()).await;
    let model = cache.pull("org/tiny", &options(address.clone()), &|_| {}).await.expect("the hub has it");
    assert_eq!(model.manifest.files.len(), 3);
    assert_eq!(model.bytes, 19);
    assert!(model.folder.ends_with("models--org--tiny"));
    let asked = requests.lock().expect("no test panics here").len();
    let events = Mutex::new(Vec::new());
    cache
        .pull("org/tiny", &options(address), &|event| events.lock().expect("no test panics here").push(event))
        .await
        .expect("it is there");
    assert_eq!(requests.lock().expect("no test panics here").len(), asked);
    assert_eq!(events.into_inner().expect("no test panics here"), [PullEvent::Verifying]);
    assert_eq!(cache.list().expect("readable").len(), 1);
    cache.remove("org/tiny").expect("it is there");
    assert!(cache.list().expect("readable").is_empty());
}

#[tokio::test]
async fn an_interrupted_download_goes_on_where_it_stopped() {
    let (_folder, cache) = cache();
    let (address, requests) = hub(model_files()).await;
    let (root, name) = (_folder.path().join("models"), "org/tiny");
    let staging = root.join("models--org--tiny.partial");
    std::fs::create_dir_all(&staging).expect("a temporary folder is writable");
    std::fs::write(staging.join("model.safetensors.part"), "0123").expect("a temporary folder is writable");
    let model = cache.pull(name, &options(address), &|_| {}).await.expect("the hub has it");
    assert_eq!(std::fs::read(model.folder.join("model.safetensors")).expect("published"), b"0123456789");
    assert!(requests.lock().expect("no test panics here").iter().any(|request| request.contains("range: bytes=4-")));
}

#[tokio::test]
async fn a_model_the_hub_does_not_have_is_an_error_with_advice() {
    let (_folder, cache) = cache();
    let (address, _) = hub(HashMap::new()).await;
    let error = cache.pull("org/none", &options(address), &|_| {}).await.expect_err("there is none");
    assert!(matches!(&error, InferenceError::Download { why, .. } if why.contains("check the name")), "{error}");
}

#[tokio::test]
async fn offline_a_missing_model_is_not_asked_for() {
    let (_folder, cache) = cache();
    let offline = PullOptions { offline: true, ..PullOptions::default() };
    let error = cache.pull(DEFAULT_MODEL, &offline, &|_| {}).await.expect_err("nothing is there");
    assert!(matches!(error, InferenceError::Offline { .. }));
}

#[tokio::test]
async fn a_damaged_file_is_named_and_a_second_pull_heals_it() {
    let (_folder, cache) = cache();
    let (address, _) = hub(model_files()).await;
    let model = cache.pull("org/tiny", &options(address.clone()), &|_| {}).await.expect("the hub has it");
    std::fs::write(model.folder.join("tokenizer.json"), "broken").expect("a temporary folder is writable");
    let error = cache.verify("org/tiny").expect_err("it is damaged");
    assert!(matches!(&error, InferenceError::HashMismatch { file, .. } if file == "tokenizer.json"), "{error}");
    cache.pull("org/tiny", &options(address), &|_| {}).await.expect("the hub has it");
    cache.verify("org/tiny").expect("it is whole again");
}

#[test]
fn a_folder_that_is_no_model_is_not_imported() {
    let (folder, cache) = cache();
    let error = cache.import(folder.path(), "org/tiny").expect_err("it is empty");
    assert!(error.to_string().contains("config.json is missing"), "{error}");
}

#[test]
fn a_known_model_is_only_imported_with_its_true_files() {
    let (_folder, cache) = cache();
    let source = tempfile::tempdir().expect("a temporary folder");
    write_all(source.path(), &model_files());
    cache.import(source.path(), "org/tiny").expect("any files do for an unknown model");
    let error = cache.import(source.path(), DEFAULT_MODEL).expect_err("these are not its files");
    assert!(matches!(error, InferenceError::HashMismatch { .. }), "{error}");
    assert!(matches!(cache.resolve(DEFAULT_MODEL), Err(InferenceError::NotFound { .. })));
}

#[test]
fn a_name_cannot_leave_the_cache() {
    let (_folder, cache) = cache();
    for name in ["../evil", "a/../b", "", "/etc", "a/b/c", ".hidden", "a\\b"] {
        assert!(matches!(cache.resolve(name), Err(InferenceError::Invalid { .. })), "{name:?}");
    }
}
