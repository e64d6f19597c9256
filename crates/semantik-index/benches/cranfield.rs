//! How well the lexical leg ranks: nDCG@10 on the Cranfield collection.
//!
//! `cargo bench -p semantik-index --bench cranfield -- FOLDER`, a folder with `cran.all.1400`,
//! `cran.qry` and `QRelsCorrectedforTRECeval`.

use std::collections::HashMap;
use std::error::Error;
use std::path::Path;

use semantik_core::id::{ChunkId, DocumentId, IndexId};
use semantik_index::Point;
use uuid::Uuid;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let Some(folder) = std::env::args().skip(1).find(|argument| !argument.starts_with("--")) else {
        println!("no folder with the Cranfield collection was given");
        return Ok(());
    };
    let read = |name: &str| std::fs::read_to_string(Path::new(&folder).join(name));
    let (documents, queries, judged) = (read("cran.all.1400")?, read("cran.qry")?, read("QRelsCorrectedforTRECeval")?);
    let home = tempfile::tempdir()?;
    let index = semantik_index::open(home.path())?.open(IndexId(Uuid::from_u128(1)), 8).await?;
    let point = |(number, record): (u128, &str)| Point {
        id: ChunkId(Uuid::from_u128(number)),
        document: DocumentId(Uuid::from_u128(number)),
        vector: vec![0.5; 8],
        text: field(record, ".W"),
        context: String::new(),
    };
    index.upsert((1..).zip(records(&documents)).map(point).collect()).await?;
    index.flush().await?;

    let mut gains: HashMap<u128, HashMap<u128, f64>> = HashMap::new();
    for line in judged.lines() {
        let values: Vec<i64> = line.split_whitespace().filter_map(|value| value.parse().ok()).collect();
        // Codes 1 to 4 are grades with 1 best; 5 and -1 are not relevant.
        if let [query, _, document, code @ 1..=4] = values[..] {
            gains.entry(query as u128).or_default().insert(document as u128, (5 - code) as f64);
        }
    }
    let (mut graded, mut binary, mut count) = (0.0, 0.0, 0.0);
    for (number, record) in (1..).zip(records(&queries)) {
        let Some(gains) = gains.get(&number) else { continue };
        let hits = index.search_lexical(&field(record, ".W"), 10, &None).await?;
        let found: Vec<f64> = hits.iter().map(|hit| gains.get(&hit.id.0.as_u128()).copied().unwrap_or(0.0)).collect();
        graded += ndcg(&found, gains.values().copied().collect());
        binary += ndcg(&found.iter().map(|gain| gain.min(1.0)).collect::<Vec<_>>(), vec![1.0; gains.len()]);
        count += 1.0;
    }
    println!("{count} queries: nDCG@10 {:.4} graded, {:.4} binary", graded / count, binary / count);
    Ok(())
}

fn records(text: &str) -> impl Iterator<Item = &str> {
    text.split("\n.I ").map(|record| record.trim_start_matches(".I "))
}

/// The lines after a mark, up to the next one.
fn field(record: &str, mark: &str) -> String {
    let lines = record.lines().skip_while(|line| *line != mark).skip(1);
    lines.take_while(|line| !(line.len() == 2 && line.starts_with('.'))).collect::<Vec<_>>().join("\n")
}

fn ndcg(found: &[f64], mut ideal: Vec<f64>) -> f64 {
    ideal.sort_unstable_by(|a, b| b.total_cmp(a));
    let dcg =
        |gains: &[f64]| (2..).zip(gains.iter().take(10)).map(|(at, gain)| gain / f64::from(at).log2()).sum::<f64>();
    if ideal.is_empty() { 0.0 } else { dcg(found) / dcg(&ideal) }
}
