//! What the hub says of files, and how models that it does not know by heart are obtained.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use semantik_inference::InferenceError;
use semantik_inference::models::{CachedModel, ModelCache, PullOptions};
use serde_json::json;
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// What is answered to a path: headers besides the length, and the contents.
#[derive(Default, Clone)]
struct Reply {
    status: &'static str,
    headers: String,
    body: Vec<u8>,
}

struct Hub {
    address: String,
    asked: Arc<Mutex<Vec<String>>>,
}

/// Serves `replies` by path on a free port.
async fn hub(replies: HashMap<String, Reply>) -> Hub {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = format!("http://{}", listener.local_addr().expect("the port is bound"));
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let log = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let mut stream = BufReader::new(stream);
            let (mut head, mut line) = (String::new(), String::new());
            while stream.read_line(&mut line).await.is_ok_and(|size| size > 2) {
                head.push_str(&std::mem::take(&mut line));
            }
            let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
            let missing = Reply { status: "404 Not Found", ..Reply::default() };
            let Reply { status, headers, body } = replies.get(&path).cloned().unwrap_or(missing);
            log.lock().expect("no test panics here").push(path);
            let length = body.len();
            let head = format!("HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n");
            drop(stream.write_all(&[head.into_bytes(), body].concat()).await);
        }
    });
    Hub { address, asked }
}

impl Hub {
    fn asked(&self, part: &str) -> usize {
        self.asked.lock().expect("no test panics here").iter().filter(|path| path.contains(part)).count()
    }

    async fn pull(&self, cache: &ModelCache) -> Result<CachedModel, InferenceError> {
        let options = PullOptions { endpoint: Some(self.address.clone()), ..PullOptions::default() };
        cache.pull("org/tiny", &options, &|_| {}).await
    }
}

fn cache() -> (TempDir, ModelCache) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let cache = ModelCache::new(folder.path().join("models"));
    (folder, cache)
}

fn plain(body: &str) -> Reply {
    Reply { status: "200 OK", headers: String::new(), body: body.as_bytes().to_vec() }
}

fn path(revision: &str, file: &str) -> String {
    format!("/org/tiny/resolve/{revision}/{file}")
}

fn small_files(revision: &str) -> HashMap<String, Reply> {
    [("config.json", "{\"model_type\":\"bert\"}"), ("tokenizer.json", "{}")]
        .map(|(file, body)| (path(revision, file), plain(body)))
        .into()
}

/// Points elsewhere, as the hub does for large files, and says what the contents hash to.
fn large(place: &str, contents: &[u8]) -> Reply {
    let hash: String = Sha256::digest(contents).iter().map(|byte| format!("{byte:02x}")).collect();
    let headers = format!("location: {place}\r\nx-linked-etag: \"{hash}\"\r\n");
    Reply { status: "302 Found", headers, body: Vec::new() }
}

#[tokio::test]
async fn a_large_file_is_compared_with_the_hash_that_the_hub_names() {
    let (_folder, cache) = cache();
    let mut replies = small_files("main");
    replies.insert(path("main", "model.safetensors"), large("/elsewhere", b"the weights"));
    replies.insert("/elsewhere".into(), plain("the weights"));
    let model = hub(replies.clone()).await.pull(&cache).await.expect("the contents are as named");
    assert_eq!(std::fs::read(model.folder.join("model.safetensors")).expect("published"), b"the weights");

    cache.remove("org/tiny").expect("it is there");
    replies.insert("/elsewhere".into(), plain("other bytes"));
    let error = hub(replies.clone()).await.pull(&cache).await.expect_err("the contents are not as named");
    assert!(matches!(&error, InferenceError::HashMismatch { file, .. } if file == "model.safetensors"), "{error}");

    // The wrong bytes are not continued from.
    replies.insert("/elsewhere".into(), plain("the weights"));
    hub(replies).await.pull(&cache).await.expect("the contents are as named again");
}

#[tokio::test]
async fn all_files_are_of_one_commit() {
    let (_folder, cache) = cache();
    let mut replies = small_files(COMMIT);
    replies.insert(path(COMMIT, "model.safetensors"), plain("weights"));
    let mut first = plain("{\"model_type\":\"bert\"}");
    first.headers = format!("x-repo-commit: {COMMIT}\r\n");
    replies.insert(path("main", "config.json"), first);
    let model = hub(replies).await.pull(&cache).await.expect("the hub has it");
    assert_eq!(model.manifest.revision, COMMIT);
    assert_eq!(model.manifest.files.len(), 3);
}

#[tokio::test]
async fn weights_in_several_files_are_pulled_verified_and_imported() {
    let (_folder, cache) = cache();
    let parts = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
    let index = json!({ "weight_map": { "a": parts[0], "b": parts[1], "c": parts[0] } }).to_string();
    let mut replies = small_files("main");
    replies.insert(path("main", "model.safetensors.index.json"), plain(&index));
    replies.insert(path("main", parts[0]), plain("one"));
    let error = hub(replies.clone()).await.pull(&cache).await.expect_err("a part is missing");
    assert!(error.to_string().contains(parts[1]), "{error}");

    replies.insert(path("main", parts[1]), plain("two"));
    let hub = hub(replies).await;
    let model = hub.pull(&cache).await.expect("all parts are there");
    assert_eq!((model.manifest.files.len(), hub.asked(parts[0])), (5, 0));
    cache.verify("org/tiny").expect("it is whole");
    assert_eq!(cache.import(&model.folder, "org/copy").expect("a folder may be copied").manifest.files.len(), 5);
    std::fs::remove_file(model.folder.join(parts[1])).expect("it was written");
    let error = cache.import(&model.folder, "org/broken").expect_err("a part is missing");
    assert!(error.to_string().contains(&format!("{} is missing", parts[1])), "{error}");
}

#[tokio::test]
async fn a_model_of_another_family_is_refused_before_its_weights_come() {
    let (_folder, cache) = cache();
    let mut replies = small_files("main");
    replies.insert(path("main", "config.json"), plain("{\"model_type\":\"llama\"}"));
    replies.insert(path("main", "model.safetensors"), plain("weights"));
    let hub = hub(replies).await;
    let error = hub.pull(&cache).await.expect_err("it could not be used");
    assert!(error.to_string().contains("model_type \"llama\" is not supported; supported: bert"), "{error}");
    assert_eq!(hub.asked("model.safetensors"), 0);
}

#[tokio::test]
async fn a_model_with_weights_in_another_format_is_refused() {
    let (_folder, cache) = cache();
    let error = hub(small_files("main")).await.pull(&cache).await.expect_err("there are no weights");
    assert!(error.to_string().contains("no model.safetensors"), "{error}");
}
