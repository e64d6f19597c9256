//! How fast the local engine embeds, for `benches/peers/compare.py`.
//!
//! `cargo bench -p semantik-inference --bench embed -- MODEL WORK [float32|float16|int8] [THREADS]`
//!
//! `WORK` holds `passages.jsonl` (objects with a `text`) and `queries.txt` (one a line). Without
//! arguments nothing is measured. Results go to `WORK/results/semantik-QUANTIZATION.{json,f32}`.

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use semantik_core::collection::Quantization;
use semantik_inference::local::{LocalOptions, open_local};
use semantik_inference::{Embedder, Purpose};
use tokio_util::sync::CancellationToken;

/// Passages embedded by one call, as an indexing job does.
const BATCH: usize = 64;
const ROUNDS: usize = 3;

#[derive(serde::Deserialize)]
struct Passage {
    text: String,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let [model, work, rest @ ..] = &arguments[..] else {
        println!("no model and no folder with passages were given");
        return Ok(());
    };
    let work = Path::new(work);
    let quantization: Quantization = rest.first().map_or(Ok(Quantization::Float16), |text| text.parse())?;
    let threads = rest.get(1).map_or(Ok(0), |text| text.parse())?;
    let lines = std::fs::read_to_string(work.join("passages.jsonl"))?;
    let passages: Vec<String> = lines
        .lines()
        .map(|line| Ok(serde_json::from_str::<Passage>(line)?.text))
        .collect::<Result<_, serde_json::Error>>()?;
    let queries = std::fs::read_to_string(work.join("queries.txt"))?;

    let began = Instant::now();
    let embedder = open_local(Path::new(model), "measured", LocalOptions { threads, quantization })?;
    let never = CancellationToken::new();
    embedder.embed(vec!["a first text".into()], Purpose::Query, &never).await?;
    let load_ms = began.elapsed().as_secs_f64() * 1000.0;
    let resident_mb = resident_mb();

    let counter = embedder.tokens();
    let most = embedder.info().max_tokens;
    let tokens: usize = passages.iter().map(|text| (counter.spans(text).len() + 2).min(most)).sum();
    let (mut rates, mut vectors) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let began = Instant::now();
        vectors = embed_all(&*embedder, &passages).await?;
        rates.push(passages.len() as f64 / began.elapsed().as_secs_f64());
    }
    let rate = median(&mut rates);
    let mut times = Vec::new();
    for query in queries.lines().cycle().take(3 * queries.lines().count()) {
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

/// Resident memory of this process, MiB; 0 where the system does not say.
fn resident_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) / 1024
}
