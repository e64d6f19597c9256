//! Measures the local engine: `throughput <model folder> <text file> [passages] [threads]`.
//!
//! The file is cut into passages of about 100 words. Prints passages and tokens a second, and the
//! median time of a query of about 12 words.

use std::path::Path;
use std::time::Instant;

use semantik_inference::{Purpose, local::open_local};
use tokio_util::sync::CancellationToken;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, folder, file, rest @ ..] = &arguments[..] else {
        return Err("usage: throughput <model folder> <text file> [passages] [threads]".into());
    };
    let number = |at: usize, default: usize| rest.get(at).map_or(Ok(default), |text| text.parse());
    let (count, threads) = (number(0, 500)?, number(1, 0)?);
    let text = String::from_utf8_lossy(&std::fs::read(file)?).into_owned();
    let words: Vec<&str> = text.split_whitespace().collect();
    let passages: Vec<String> = words.chunks(100).take(count).map(|words| words.join(" ")).collect();
    let queries: Vec<String> =
        words.chunks(100).rev().take(50).map(|words| words[..words.len().min(12)].join(" ")).collect();

    let start = Instant::now();
    let model = open_local(Path::new(folder), "measured", threads)?;
    println!("load      {:>8.1} ms", start.elapsed().as_secs_f64() * 1000.0);
    let never = CancellationToken::new();
    model.embed(passages.iter().take(8).cloned().collect(), Purpose::Passage, &never).await?;

    let start = Instant::now();
    let tokens: usize =
        passages.iter().map(|passage| model.tokens().spans(passage).len().min(model.info().max_tokens - 2) + 2).sum();
    println!(
        "tokenise  {:>8.1} MB/s",
        passages.iter().map(String::len).sum::<usize>() as f64 / 1e6 / start.elapsed().as_secs_f64()
    );
    let start = Instant::now();
    model.embed(passages.clone(), Purpose::Passage, &never).await?;
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "passages  {:>8.1} /s ({} of {} tokens on average)",
        passages.len() as f64 / seconds,
        passages.len(),
        tokens / passages.len().max(1)
    );
    println!("tokens    {:>8.0} /s", tokens as f64 / seconds);

    let mut times = Vec::new();
    for query in queries {
        let start = Instant::now();
        model.embed(vec![query], Purpose::Query, &never).await?;
        times.push(start.elapsed().as_secs_f64() * 1000.0);
    }
    times.sort_by(f64::total_cmp);
    println!("query p50 {:>8.2} ms", times[times.len() / 2]);
    Ok(())
}
