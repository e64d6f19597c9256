//! How many texts a server embeds for clients that each send one at a time.
//!
//! `cargo bench -p semantik --bench http -- WORK URL [CLIENTS] [NAME]`
//!
//! `WORK` holds `passages.jsonl` (objects with `text` and `tokens`, see `benches/peers/corpus.py`). Each of
//! the clients (32) posts the next passage to `URL/embed` as text-embeddings-inference takes it, in the order
//! of the file, until all are done. With a `NAME` the result is kept in `WORK/results/http-NAME.json`.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use serde_json::json;

type Failure = Box<dyn Error + Send + Sync>;

#[derive(serde::Deserialize)]
struct Passage {
    text: String,
    tokens: usize,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let [work, url, rest @ ..] = &arguments[..] else {
        println!("no folder with passages and no server were given");
        return Ok(());
    };
    let clients: usize = rest.first().map_or(Ok(32), |text| text.parse())?;
    let lines = std::fs::read_to_string(Path::new(work).join("passages.jsonl"))?;
    let passages: Vec<Passage> = lines.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let (passages, next) = (Arc::new(passages), Arc::new(AtomicUsize::new(0)));
    // Nothing is encrypted here, but the client wants to know how it would be.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let http = reqwest::Client::builder().no_proxy().build()?;
    ask(&http, url, "a first text").await?;
    let began = Instant::now();
    let asking = (0..clients).map(|_| {
        let (http, url, passages, next) = (http.clone(), url.clone(), Arc::clone(&passages), Arc::clone(&next));
        tokio::spawn(async move {
            let mut times = Vec::new();
            while let Some(passage) = passages.get(next.fetch_add(1, Ordering::Relaxed)) {
                let began = Instant::now();
                ask(&http, &url, &passage.text).await?;
                times.push(began.elapsed().as_secs_f64() * 1000.0);
            }
            Ok::<_, Failure>(times)
        })
    });
    let mut times: Vec<f64> = Vec::new();
    for client in asking.collect::<Vec<_>>() {
        times.extend(client.await??);
    }
    let seconds = began.elapsed().as_secs_f64();
    times.sort_by(f64::total_cmp);
    let tokens: usize = passages.iter().map(|passage| passage.tokens).sum();
    let row = json!({
        "clients": clients,
        "passages_per_s": times.len() as f64 / seconds,
        "tokens_per_s": tokens as f64 / seconds,
        "p50_ms": times[times.len() / 2],
        "p95_ms": times[times.len() * 95 / 100],
    });
    println!("{row:#}");
    if let Some(name) = rest.get(1) {
        std::fs::write(Path::new(work).join("results").join(format!("http-{name}.json")), row.to_string())?;
    }
    Ok(())
}

async fn ask(http: &reqwest::Client, url: &str, text: &str) -> Result<(), Failure> {
    let answer = http.post(format!("{url}/embed")).json(&json!({ "inputs": text })).send().await?.error_for_status()?;
    let vectors: Vec<Vec<f32>> = answer.json().await?;
    if vectors.len() == 1 { Ok(()) } else { Err(format!("{} vectors for one text", vectors.len()).into()) }
}
