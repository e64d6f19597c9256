//! What the cache of vectors costs: a hit from memory and from disk, a miss beside the computation,
//! and opening a folder of a million vectors.
//!
//! `cargo bench -p semantik-inference --bench cache -- FOLDER`
//!
//! `FOLDER` is made and takes up to 2 GB. Without arguments nothing is measured.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use semantik_inference::cache::{CacheOptions, CachedEmbedder, EmbeddingCache};
use semantik_inference::local::MockEmbedder;
use semantik_inference::{Embedder, InferenceError, ModelInfo, Purpose, TokenCounter};
use tokio_util::sync::CancellationToken;

const BATCH: usize = 64;
const CALLS: usize = 200;

/// Gives the same vector at once.
struct Instantly(MockEmbedder);

#[async_trait]
impl Embedder for Instantly {
    fn info(&self) -> &ModelInfo {
        self.0.info()
    }

    async fn embed(
        &self,
        texts: Vec<String>,
        _: Purpose,
        _: &CancellationToken,
    ) -> Result<Vec<Vec<f32>>, InferenceError> {
        Ok(texts.iter().map(|text| vec![1.0 / (1.0 + text.len() as f32); self.info().dimensions]).collect())
    }

    fn tokens(&self) -> Arc<dyn TokenCounter> {
        self.0.tokens()
    }
}

fn open(folder: &Path) -> CachedEmbedder {
    let options = CacheOptions { folder: folder.to_owned(), disk_bytes: 2 << 30, query_bytes: 16 << 20 };
    CachedEmbedder::new(Arc::new(Instantly(MockEmbedder::new())), EmbeddingCache::new(options))
}

/// Passages of about a kilobyte.
fn batch(number: usize) -> Vec<String> {
    (0..BATCH).map(|at| format!("{number} {at} {}", "a passage of some length ".repeat(40))).collect()
}

/// Microseconds a passage: the median of the calls.
async fn time(embedder: &dyn Embedder, calls: std::ops::Range<usize>, purpose: Purpose) -> Result<f64, Box<dyn Error>> {
    let mut times = Vec::new();
    for number in calls {
        let texts = batch(number);
        let began = Instant::now();
        embedder.embed(texts, purpose, &CancellationToken::new()).await?;
        times.push(began.elapsed().as_secs_f64() * 1e6 / BATCH as f64);
    }
    times.sort_by(f64::total_cmp);
    Ok(times[times.len() / 2])
}

/// What the folder holds; a faster embedder than the disk leaves some out.
fn remembered(folder: &Path) -> Result<u64, Box<dyn Error>> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "places") {
            bytes += path.metadata()?.len();
        }
    }
    Ok(bytes / 12)
}

fn resident_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) / 1024
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let Some(folder) = std::env::args().skip(1).find(|argument| argument != "--bench") else {
        println!("no folder was given");
        return Ok(());
    };
    let folder = Path::new(&folder).join("small");
    let bare = Instantly(MockEmbedder::new());
    let cached = open(&folder);
    println!("no cache        {:8.2} us a passage", time(&bare, 0..CALLS, Purpose::Passage).await?);
    println!("miss            {:8.2} us", time(&cached, 0..CALLS, Purpose::Passage).await?);
    println!("hit in memory   {:8.2} us", time(&cached, CALLS - 100..CALLS, Purpose::Passage).await?);
    drop(cached);
    let cached = open(&folder);
    time(&cached, 0..1, Purpose::Passage).await?;
    println!("hit on disk     {:8.2} us", time(&cached, 0..CALLS, Purpose::Passage).await?);
    println!("query, miss     {:8.2} us", time(&cached, 0..CALLS, Purpose::Query).await?);
    println!("query, hit      {:8.2} us", time(&cached, CALLS - 50..CALLS, Purpose::Query).await?);
    drop(cached);

    let folder = folder.with_file_name("large");
    let cached = open(&folder);
    let calls = 1_000_000 / BATCH;
    time(&cached, 0..calls, Purpose::Passage).await?;
    drop(cached);
    let before = resident_mb();
    let cached = open(&folder);
    let began = Instant::now();
    cached.embed(batch(calls), Purpose::Passage, &CancellationToken::new()).await?;
    let opened_ms = began.elapsed().as_secs_f64() * 1e3;
    println!("opening {} vectors: {opened_ms:.0} ms", remembered(&folder)?);
    println!("memory: {before} MB before, {} MB after", resident_mb());
    println!("hit among them  {:8.2} us", time(&cached, calls - CALLS..calls, Purpose::Passage).await?);
    Ok(())
}
