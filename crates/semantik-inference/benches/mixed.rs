//! How long queries wait while passages are being embedded.
//!
//! `cargo bench -p semantik-inference --bench mixed -- MODEL WORK [float32|float16|int8] [CLIENTS]`
//!
//! `WORK` as for `embed`. Prints the query's p50 and p95 idle, and with `CLIENTS` clients asking at
//! once now and then while passages are embedded without a pause.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use semantik_core::collection::Quantization;
use semantik_inference::local::{LocalOptions, open_local};
use semantik_inference::{Embedder, Purpose};
use tokio_util::sync::CancellationToken;

const QUERIES_PER_CLIENT: usize = 20;
/// A client asks this often.
const THINKING: Duration = Duration::from_millis(500);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let [model, work, rest @ ..] = &arguments[..] else {
        println!("no model and no folder with passages were given");
        return Ok(());
    };
    let quantization: Quantization = rest.first().map_or(Ok(Quantization::Float16), |text| text.parse())?;
    let clients = rest.get(1).map_or(Ok(64), |text| text.parse())?;
    let queries = std::fs::read_to_string(Path::new(work).join("queries.txt"))?;
    let queries: Arc<Vec<String>> = Arc::new(queries.lines().map(str::to_owned).collect());
    let passages = std::fs::read_to_string(Path::new(work).join("passages.jsonl"))?;
    let passages: Vec<String> = passages.lines().take(64).map(str::to_owned).collect();
    let model = open_local(Path::new(model), "measured", LocalOptions { threads: 0, quantization })?;
    ask(&*model, &queries[0]).await;
    let mut idle = Vec::new();
    for query in queries.iter() {
        idle.push(ask(&*model, query).await);
    }
    report("idle", &mut idle);
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
    report(&format!("{clients} clients beside indexing"), &mut times);
    println!(
        "{:.0} queries and {:.0} passages a second meanwhile",
        times.len() as f64 / seconds,
        done as f64 / seconds
    );
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

fn report(what: &str, times: &mut [f64]) {
    times.sort_by(f64::total_cmp);
    let at = |part: usize| times[times.len() * part / 100];
    println!("{what}: p50 {:.2} ms, p95 {:.2} ms, of {} queries", at(50), at(95), times.len());
}
