//! How fast, how exact and how large an index is.
//!
//! `cargo bench -p semantik-index --bench search_scale -- POINTS DIMENSIONS [VECTORS TEXTS]`
//!
//! `VECTORS` holds little-endian f32 unit vectors one after the other, `TEXTS` one text a line.
//! Queries are the vectors and texts that follow the first `POINTS`. Without files both are made
//! up: vectors around centres with an uneven spectrum, texts of words with Zipf's frequencies.

mod support;

use std::collections::HashSet;
use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use semantik_core::id::{ChunkId, DocumentId, IndexId};
use semantik_index::{DocumentSet, Index, Point};
use support::corpus::{self, Corpus};
use uuid::Uuid;

const QUERIES: usize = 200;
const CHUNKS_PER_DOCUMENT: usize = 10;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let points: usize = arguments.next().map_or(Ok(20_000), |value| value.parse())?;
    let dimensions: usize = arguments.next().map_or(Ok(384), |value| value.parse())?;
    let corpus = match (arguments.next(), arguments.next()) {
        (Some(vectors), Some(texts)) => corpus::read(vectors.as_ref(), texts.as_ref(), dimensions)?,
        _ => corpus::make_up(points + QUERIES, dimensions),
    };
    let points = points.min(corpus.len().saturating_sub(QUERIES));
    let folder = tempfile::tempdir()?;
    let index = semantik_index::open(folder.path())?.open(IndexId(Uuid::from_u128(1)), dimensions).await?;
    let before = resident_mib();
    fill(&*index, &corpus, points).await?;
    index.idle().await?;
    let stats = index.stats().await?;
    println!("{points} points of {dimensions} dimensions, {} bytes a point on disk", stats.disk_bytes / points as u64);
    println!("resident: {} MiB before, {} MiB filled and idle", before, resident_mib());

    let some = (0..points / CHUNKS_PER_DOCUMENT).step_by(3).map(|at| document(at * CHUNKS_PER_DOCUMENT)).collect();
    for (name, documents) in [("all documents", None), ("a third of them", Some(Arc::new(some)))] {
        println!("{name}:");
        measure(&*index, &corpus, points, &documents).await?;
    }
    println!("recall@10 of dense: {:.4}", recall(&*index, &corpus, points).await?);
    println!("resident: {} MiB after searching", resident_mib());
    drop(index);
    let start = Instant::now();
    semantik_index::open(folder.path())?.open(IndexId(Uuid::from_u128(1)), dimensions).await?;
    println!("opened again in {} ms", start.elapsed().as_millis());
    Ok(())
}

async fn fill(index: &dyn Index, corpus: &Corpus, points: usize) -> Result<(), Box<dyn Error>> {
    let start = Instant::now();
    for first in (0..points).step_by(2000) {
        let batch = (first..(first + 2000).min(points)).map(|at| Point {
            id: chunk(at),
            document: document(at),
            vector: corpus.vector(at).to_vec(),
            text: corpus.texts[at].clone(),
            context: String::new(),
        });
        index.upsert(batch.collect()).await?;
        if first % 20_000 == 0 {
            index.flush().await?;
        }
    }
    index.flush().await?;
    println!("filled: {:.0} points a second", points as f64 / start.elapsed().as_secs_f64());
    Ok(())
}

async fn measure(
    index: &dyn Index,
    corpus: &Corpus,
    points: usize,
    documents: &DocumentSet,
) -> Result<(), Box<dyn Error>> {
    let [mut dense, mut lexical, mut hybrid] = [const { Vec::new() }; 3];
    for round in 0..2 {
        for at in points..points + QUERIES {
            let (vector, query) = (corpus.vector(at), corpus.query(at));
            let start = Instant::now();
            index.search_dense(vector, 100, documents).await?;
            let after_dense = Instant::now();
            index.search_lexical(&query, 100, documents).await?;
            let after_lexical = Instant::now();
            let legs = (index.search_dense(vector, 100, documents), index.search_lexical(&query, 100, documents));
            let (one, other) = tokio::join!(legs.0, legs.1);
            one?;
            other?;
            if round > 0 {
                dense.push(after_dense - start);
                lexical.push(after_lexical - after_dense);
                hybrid.push(after_lexical.elapsed());
            }
        }
    }
    for (name, times) in [("dense", &mut dense), ("lexical", &mut lexical), ("both legs", &mut hybrid)] {
        times.sort_unstable();
        let at = |share: usize| times[times.len() * share / 100].as_secs_f64() * 1e3;
        println!("  {name:9} p50 {:.2} ms, p95 {:.2} ms", at(50), at(95));
    }
    Ok(())
}

async fn recall(index: &dyn Index, corpus: &Corpus, points: usize) -> Result<f64, Box<dyn Error>> {
    let mut found = 0;
    for at in points..points + QUERIES {
        let query = corpus.vector(at);
        let dot = |at: usize| corpus.vector(at).iter().zip(query).map(|(a, b)| a * b).sum::<f32>();
        let mut exact: Vec<(f32, usize)> = (0..points).map(|at| (dot(at), at)).collect();
        exact.select_nth_unstable_by(10, |a, b| b.0.total_cmp(&a.0));
        let exact: HashSet<ChunkId> = exact[..10].iter().map(|(_, at)| chunk(*at)).collect();
        let hits = index.search_dense(query, 10, &None).await?;
        found += hits.iter().filter(|hit| exact.contains(&hit.id)).count();
    }
    Ok(found as f64 / (QUERIES * 10) as f64)
}

fn chunk(at: usize) -> ChunkId {
    ChunkId(Uuid::new_v5(&Uuid::NAMESPACE_OID, &at.to_le_bytes()))
}

fn document(at: usize) -> DocumentId {
    DocumentId(Uuid::new_v5(&Uuid::NAMESPACE_URL, &(at / CHUNKS_PER_DOCUMENT).to_le_bytes()))
}

fn resident_mib() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<usize>().ok()).unwrap_or(0) / 1024
}
