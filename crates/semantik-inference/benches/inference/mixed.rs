//! How long queries wait while passages are being embedded.
//!
//! `mixed MODEL WORK [QUANTIZATION] [CLIENTS]`. Prints the query's p50 and p95 idle, and with
//! `CLIENTS` clients asking at once now and then while passages are embedded without a pause.

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use semantik_inference::local::{LocalOptions, open_local};
use semantik_inference::{Embedder, Purpose};
use tokio_util::sync::CancellationToken;

use crate::corpus::Corpus;

const QUERIES_PER_CLIENT: usize = 20;
/// A client asks this often.
const THINKING: Duration = Duration::from_millis(500);

/// Prints the figures of one run and keeps them.
pub async fn measure(corpus: Corpus) -> Result<(), Box<dyn Error>> {
    let clients = corpus.number.unwrap_or(64);
    let queries = Arc::new(corpus.queries);
    let passages: Vec<String> = corpus.passages.into_iter().take(64).collect();
    let options = LocalOptions { threads: 0, quantization: corpus.quantization };
    let model = open_local(&corpus.model, "measured", options)?;
    ask(&*model, &queries[0]).await;
    let mut idle = Vec::new();
    for query in queries.iter() {
        idle.push(ask(&*model, query).await);
    }
    let idle = report("idle", &mut idle);
    let stop = CancellationToken::new();
    let bulk: Vec<_> =
        (0..2).map(|_| tokio::spawn(embed_until(model.clone(), passages.clone(), stop.clone()))).collect();
    let began = Instant::now();
    let asking = (0..clients).map(|number| tokio::spawn(client(model.clone(), Arc::clone(&queries), number, clients)));
    let mut times = Vec::new();
    for client in asking.collect::<Vec<_>>() {
        times.extend(client.await?);
    }
    let seconds = began.elapsed().as_secs_f64();
    stop.cancel();
    let mut done = 0;
    for bulk in bulk {
        done += bulk.await?;
    }
    let busy = report(&format!("{clients} clients beside indexing"), &mut times);
    println!(
        "{:.0} queries and {:.0} passages a second meanwhile",
        times.len() as f64 / seconds,
        done as f64 / seconds
    );
    println!("p95 is {:.2} times its idle value", busy[1] / idle[1]);
    let results = corpus.work.join("results");
    std::fs::create_dir_all(&results)?;
    let row = serde_json::json!({ "idle_ms": idle, "busy_ms": busy, "clients": clients });
    std::fs::write(results.join(format!("mixed-{}.json", corpus.quantization)), row.to_string())?;
    Ok(())
}

/// Milliseconds of one query.
async fn ask(model: &dyn Embedder, query: &str) -> f64 {
    let began = Instant::now();
    let answer = model.embed(vec![query.to_owned()], Purpose::Query, &CancellationToken::new()).await;
    assert_eq!(answer.map(|vectors| vectors.len()).ok(), Some(1), "no query is dropped");
    began.elapsed().as_secs_f64() * 1000.0
}

async fn client(model: Arc<dyn Embedder>, queries: Arc<Vec<String>>, number: usize, clients: usize) -> Vec<f64> {
    let first = tokio::time::Instant::now() + THINKING.mul_f64(number as f64 / clients as f64);
    let mut moments = tokio::time::interval_at(first, THINKING);
    let mut times = Vec::new();
    for at in 0..QUERIES_PER_CLIENT {
        moments.tick().await;
        times.push(ask(&*model, &queries[(number * 7 + at) % queries.len()]).await);
    }
    times
}

async fn embed_until(model: Arc<dyn Embedder>, passages: Vec<String>, stop: CancellationToken) -> usize {
    let mut done = 0;
    while model.embed(passages.clone(), Purpose::Passage, &stop).await.is_ok() {
        done += passages.len();
    }
    done
}

/// The 50th and the 95th of a hundred.
fn report(what: &str, times: &mut [f64]) -> [f64; 2] {
    times.sort_by(f64::total_cmp);
    let at = |part: usize| times[times.len() * part / 100];
    println!("{what}: p50 {:.2} ms, p95 {:.2} ms, of {} queries", at(50), at(95), times.len());
    [at(50), at(95)]
}
