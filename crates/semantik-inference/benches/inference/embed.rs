//! How fast the local engine embeds, for `benches/peers/compare.py`.
//!
//! `embed MODEL WORK [QUANTIZATION] [THREADS]`. Results go to
//! `WORK/results/semantik-QUANTIZATION.{json,f32}`.

use std::error::Error;
use std::time::Instant;

use semantik_inference::local::{LocalOptions, open_local};
use semantik_inference::{Embedder, Purpose};
use tokio_util::sync::CancellationToken;

use crate::corpus::Corpus;

/// Passages embedded by one call, as an indexing job does.
const BATCH: usize = 64;
const ROUNDS: usize = 3;
/// What the kernel counts processor time in, on every platform it says so to programs.
const TICKS_PER_S: f64 = 100.0;

/// Prints the figures of one run and keeps them.
pub async fn measure(corpus: &Corpus) -> Result<(), Box<dyn Error>> {
    let Corpus { passages, queries, quantization, work, .. } = corpus;
    let began = Instant::now();
    let options = LocalOptions { threads: corpus.number.unwrap_or(0), quantization: *quantization };
    let embedder = open_local(&corpus.model, "measured", options)?;
    let never = CancellationToken::new();
    embedder.embed(vec!["a first text".into()], Purpose::Query, &never).await?;
    let load_ms = began.elapsed().as_secs_f64() * 1000.0;
    let resident_mb = resident_mb();

    let counter = embedder.tokens();
    let most = embedder.info().max_tokens;
    let counted = |text: &String| (counter.spans(text).len() + 2).min(most);
    let tokens: usize = passages
        .iter()
        .zip(&corpus.tokens)
        .map(|(text, known)| known.map_or_else(|| counted(text), |known| known as usize))
        .sum();
    let (mut rates, mut vectors) = (Vec::new(), Vec::new());
    let (busy, clock) = (busy_s(), Instant::now());
    for _ in 0..ROUNDS {
        let began = Instant::now();
        vectors = embed_all(&*embedder, passages).await?;
        rates.push(passages.len() as f64 / began.elapsed().as_secs_f64());
    }
    let rate = median(&mut rates);
    let others = busy.zip(busy_s()).map(|(before, after)| (after - before) / clock.elapsed().as_secs_f64());
    let mut times = Vec::new();
    for query in queries.iter().cycle().take(3 * queries.len()) {
        let began = Instant::now();
        embedder.embed(vec![query.to_owned()], Purpose::Query, &never).await?;
        times.push(began.elapsed().as_secs_f64() * 1000.0);
    }
    times.sort_by(f64::total_cmp);
    let row = serde_json::json!({
        "peer": format!("semantik-{quantization}"),
        "version": env!("CARGO_PKG_VERSION"),
        "arrangement": "arrival order, ragged",
        "passages_per_s": rate,
        "tokens_per_s": rate * tokens as f64 / passages.len() as f64,
        "query_p50_ms": times[times.len() / 2],
        "query_p95_ms": times[times.len() * 95 / 100],
        "load_ms": load_ms,
        // The process itself is there within a millisecond.
        "cold_start_ms": load_ms,
        "others_cores": others,
        "resident_mb": resident_mb,
    });
    println!("{row:#}");
    let results = work.join("results");
    std::fs::create_dir_all(&results)?;
    std::fs::write(results.join(format!("semantik-{quantization}.json")), row.to_string())?;
    let bytes: Vec<u8> = vectors.iter().flatten().flat_map(|value| value.to_le_bytes()).collect();
    std::fs::write(results.join(format!("semantik-{quantization}.f32")), bytes)?;
    Ok(())
}

/// In arrival order, two calls in flight, as the workers of a server have them.
async fn embed_all(embedder: &dyn Embedder, texts: &[String]) -> Result<Vec<Vec<f32>>, Box<dyn Error>> {
    use futures::{StreamExt, TryStreamExt};
    let never = CancellationToken::new();
    let batches = texts.chunks(BATCH).map(|batch| embedder.embed(batch.to_vec(), Purpose::Passage, &never));
    let made: Vec<_> = futures::stream::iter(batches).buffered(2).try_collect().await?;
    Ok(made.into_iter().flatten().collect())
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// CPU seconds that other processes have used on this machine; `None` where the system does not say.
fn busy_s() -> Option<f64> {
    let ticks = |text: &str, fields: &[usize]| {
        let values: Vec<&str> = text.split_whitespace().collect();
        fields.iter().map(|field| values.get(*field)?.parse::<f64>().ok()).sum::<Option<f64>>()
    };
    // user, nice, system, irq, softirq and steal (proc_stat(5)); utime and stime (proc_pid_stat(5)).
    let all = ticks(std::fs::read_to_string("/proc/stat").ok()?.lines().next()?, &[1, 2, 3, 6, 7, 8])?;
    let own = std::fs::read_to_string("/proc/self/stat").ok()?;
    Some((all - ticks(own.rsplit_once(')')?.1, &[11, 12])?) / TICKS_PER_S)
}

/// Resident memory of this process, MiB; 0 where the system does not say.
fn resident_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) / 1024
}
