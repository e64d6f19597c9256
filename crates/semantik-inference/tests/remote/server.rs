//! A provider on a free port: answers what a test says, remembers what it was asked.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use semantik_core::Provider;
use semantik_inference::remote::{Patience, RemoteOptions};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

pub const KEY: &str = "sk-hunter2-hunter2";

/// One request as it arrived.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// For example `POST /v1/embeddings`.
    pub line: String,
    pub headers: HashMap<String, String>,
    pub body: Value,
}

/// What to answer.
pub enum Reply {
    Json(u16, Vec<(&'static str, &'static str)>, Value),
    /// The head promises more than comes.
    Broken,
    /// Nothing, for ever.
    Silence,
    /// The same when a permit is there.
    After(Arc<Semaphore>, Box<Reply>),
}

/// The running server.
pub struct Server {
    pub url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    count: watch::Receiver<usize>,
}

type Answer = Arc<dyn Fn(&Asked, usize) -> Reply + Send + Sync>;

impl Server {
    /// Answers each request, told with its number (from 0), as `answer` says.
    pub async fn start(answer: impl Fn(&Asked, usize) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("the port is bound"));
        let (asked, (sender, count)) = (Arc::<Mutex<Vec<Asked>>>::default(), watch::channel(0));
        let (log, sender, answer): (_, _, Answer) = (Arc::clone(&asked), Arc::new(sender), Arc::new(answer));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (log, sender, answer) = (Arc::clone(&log), Arc::clone(&sender), Arc::clone(&answer));
                tokio::spawn(async move {
                    let mut stream = BufReader::new(stream);
                    let Some(asked) = read(&mut stream).await else { return };
                    let number = {
                        let mut log = log.lock().expect("no test panics here");
                        log.push(asked.clone());
                        log.len() - 1
                    };
                    sender.send_modify(|count| *count += 1);
                    write(stream.get_mut(), answer(&asked, number)).await;
                });
            }
        });
        Self { url, asked, count }
    }

    /// Everything asked so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("no test panics here").clone()
    }

    /// Waits until so many requests have arrived.
    pub async fn arrived(&self, requests: usize) {
        self.count.clone().wait_for(|count| *count >= requests).await.expect("the server runs");
    }

    /// Options for this server, with short pauses.
    pub fn options(&self, provider: Provider) -> RemoteOptions {
        RemoteOptions {
            base_url: Some(if provider == Provider::OpenAi { format!("{}/v1", self.url) } else { self.url.clone() }),
            api_key: Some(KEY.to_owned().into()),
            patience: Patience { first_pause: Duration::from_millis(1), attempts: 3, ..Patience::default() },
            ..RemoteOptions::new(provider, "org/model")
        }
    }
}

async fn read(stream: &mut BufReader<TcpStream>) -> Option<Asked> {
    let mut head = Vec::new();
    let mut line = String::new();
    while stream.read_line(&mut line).await.ok()? > 2 {
        head.push(std::mem::take(&mut line).trim().to_owned());
    }
    let headers: HashMap<String, String> = head
        .iter()
        .skip(1)
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
        .collect();
    let length = headers.get("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    let line = head.first()?.trim_end_matches(" HTTP/1.1").to_owned();
    Some(Asked { line, headers, body: serde_json::from_slice(&body).unwrap_or(Value::Null) })
}

async fn write(stream: &mut TcpStream, reply: Reply) {
    let mut reply = reply;
    while let Reply::After(gate, next) = reply {
        gate.acquire().await.expect("the gate stays").forget();
        reply = *next;
    }
    let text = match reply {
        Reply::Json(status, headers, body) => {
            let body = body.to_string();
            let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
            format!(
                "HTTP/1.1 {status} Told\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n{headers}\r\n{body}",
                body.len()
            )
        }
        Reply::Broken => "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\nconnection: close\r\n\r\n{\"data\":[".to_owned(),
        Reply::Silence => return std::future::pending().await,
        Reply::After(..) => return,
    };
    drop(stream.write_all(text.as_bytes()).await);
    drop(stream.shutdown().await);
}

/// An answer without further ado.
pub fn ok(body: Value) -> Reply {
    Reply::Json(200, Vec::new(), body)
}

/// A refusal in the shape of OpenAI.
pub fn error(status: u16, message: &str) -> Reply {
    Reply::Json(status, Vec::new(), json!({"error": {"message": message, "type": "told", "code": null}}))
}

/// The vector the server makes of a text; its length tells which text it was.
pub fn vector(text: &str) -> Value {
    json!([text.len() as f32, 1.0])
}

/// What comes back for a text: [`vector`] at unit length.
pub fn unit(text: &str) -> Vec<f32> {
    let length = text.len() as f32;
    [length, 1.0].map(|number| number / (length * length + 1.0).sqrt()).to_vec()
}

/// The texts of a list in a request.
pub fn texts<'a>(asked: &'a Asked, field: &str) -> Vec<&'a str> {
    asked.body[field].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// An honest answer of an OpenAI-compatible server.
pub fn openai(asked: &Asked) -> Reply {
    let data: Vec<Value> = texts(asked, "input")
        .iter()
        .enumerate()
        .map(|(index, text)| json!({"object": "embedding", "index": index, "embedding": vector(text)}))
        .collect();
    ok(json!({"object": "list", "data": data, "model": "m", "usage": {"prompt_tokens": 1, "total_tokens": 1}}))
}

/// Vectors are equal but for rounding.
pub fn assert_near(found: &[Vec<f32>], expected: &[Vec<f32>]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!(found.len(), expected.len());
        let apart = found.iter().zip(expected).map(|(left, right)| (left - right).abs()).fold(0.0, f32::max);
        assert!(apart < 1e-6, "{found:?} is not {expected:?}");
    }
}

pub fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}
