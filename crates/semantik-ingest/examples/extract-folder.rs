//! Extracts and cuts every file of a folder and reports, per type, how many there were, what became
//! of them and how fast: `cargo run --release -p semantik-ingest --example extract-folder -- FOLDER`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use semantik_core::chunk::ChunkSettings;
use semantik_core::source::DirectorySource;
use semantik_ingest::chunk::chunk;
use semantik_ingest::connect::{Listed, encode_path, list_directory};
use semantik_ingest::extract::{ExtractorPool, Limits, Outcome, PoolOptions, Request, run_child};
use tokio_util::sync::CancellationToken;

#[derive(Default)]
struct Tally {
    files: u64,
    text: u64,
    bytes: u64,
    text_bytes: u64,
    pieces: usize,
    took: Duration,
    other: BTreeMap<String, u64>,
}

fn main() -> std::io::Result<()> {
    let argument = std::env::args().nth(1).ok_or_else(|| std::io::Error::other("name a folder"))?;
    if argument == "extract-child" {
        return run_child();
    }
    let runtime = tokio::runtime::Runtime::new()?;
    let begun = Instant::now();
    let tallies = runtime.block_on(run(PathBuf::from(argument).canonicalize()?))?;
    for (mime, tally) in &tallies {
        let speed = tally.bytes as f64 / 1e6 / tally.took.as_secs_f64().max(1e-9);
        println!(
            "{mime}: {} files, {} with text, {:.1} MB, {:.1} MB text, {} pieces, {speed:.1} MB/s, {:.1} ms each, {:?}",
            tally.files,
            tally.text,
            tally.bytes as f64 / 1e6,
            tally.text_bytes as f64 / 1e6,
            tally.pieces,
            tally.took.as_secs_f64() * 1e3 / tally.files as f64,
            tally.other
        );
    }
    println!("{} files in {:?}", tallies.values().map(|tally| tally.files).sum::<u64>(), begun.elapsed());
    Ok(())
}

async fn run(root: PathBuf) -> std::io::Result<BTreeMap<String, Tally>> {
    let scratch = tempfile::tempdir()?;
    let limits = Limits { seconds: 60, ..Limits::default() };
    let pool = ExtractorPool::new(PoolOptions::of_this_program(scratch.path().to_owned(), limits, 2)?);
    let files = Arc::new(Mutex::new(list(&root).await?));
    let tallies = Arc::new(Mutex::new(BTreeMap::new()));
    let workers: Vec<_> =
        (0..2).map(|_| tokio::spawn(work(pool.clone(), Arc::clone(&files), Arc::clone(&tallies)))).collect();
    for worker in workers {
        worker.await?;
    }
    let mut tallies = tallies.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(std::mem::take(&mut *tallies))
}

async fn list(root: &Path) -> std::io::Result<Vec<Listed>> {
    let source = DirectorySource { path: encode_path(root), include: Vec::new(), exclude: Vec::new(), hidden: false };
    let (sender, mut receiver) = tokio::sync::mpsc::channel(8);
    let walk = tokio::task::spawn_blocking(move || list_directory(&source, sender, &CancellationToken::new()));
    let mut files = Vec::new();
    while let Some(batch) = receiver.recv().await {
        files.extend(batch);
    }
    walk.await?.map_err(std::io::Error::other)?;
    Ok(files)
}

async fn work(pool: ExtractorPool, files: Arc<Mutex<Vec<Listed>>>, tallies: Arc<Mutex<BTreeMap<String, Tally>>>) {
    loop {
        let Some(file) = files.lock().unwrap_or_else(PoisonError::into_inner).pop() else { return };
        let request = Request { path: file.path, name: file.name, depth: 0, careful: false };
        let begun = Instant::now();
        let result = pool.extract(request, &CancellationToken::new()).await;
        let took = begun.elapsed();
        let mime = result.as_ref().map_or_else(|_| "(failed)".to_owned(), |extracted| extracted.mime.clone());
        let outcome = match result {
            Ok(extracted) => match extracted.outcome {
                Outcome::Text(text) => Ok(text),
                Outcome::Skipped { policy, .. } => Err(policy.to_string()),
            },
            Err(error) => {
                eprintln!("{}: {error}", file.uri);
                Err(error.code().name().to_owned())
            }
        };
        let pieces = outcome.as_ref().map_or(0, |text| chunk(text, &ChunkSettings::default(), 512, &words).len());
        let mut tallies = tallies.lock().unwrap_or_else(PoisonError::into_inner);
        let tally = tallies.entry(mime).or_default();
        tally.files += 1;
        tally.bytes += file.size;
        tally.took += took;
        tally.pieces += pieces;
        match outcome {
            Ok(text) => {
                tally.text += 1;
                tally.text_bytes += text.text.len() as u64;
            }
            Err(why) => *tally.other.entry(why).or_default() += 1,
        }
    }
}

/// Words as tokens.
fn words(text: &str) -> Vec<(usize, usize)> {
    let base = text.as_ptr() as usize;
    text.split_whitespace()
        .map(|word| (word.as_ptr() as usize - base, word.as_ptr() as usize - base + word.len()))
        .collect()
}
