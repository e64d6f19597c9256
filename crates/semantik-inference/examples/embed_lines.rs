//! Embeds the lines of a text file, for the benchmark of the index on real vectors:
//! `cargo run --release -p semantik-inference --example embed_lines -- <model folder> <text file> <vectors out>`.
//! Writes little-endian f32 unit vectors, one after the other, one a line.

use std::error::Error;
use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

use semantik_core::collection::Quantization;
use semantik_inference::Purpose;
use semantik_inference::local::{LocalOptions, open_local};
use tokio_util::sync::CancellationToken;

const BATCH: usize = 512;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(model), Some(texts), Some(out)) = (arguments.next(), arguments.next(), arguments.next()) else {
        return Err("usage: embed_lines <model folder> <text file> <vectors out>".into());
    };
    let options = LocalOptions { threads: 0, quantization: Quantization::Float32 };
    let embedder = open_local(Path::new(&model), "lines", options)?;
    let texts = std::fs::read_to_string(texts)?;
    let lines: Vec<String> = texts.lines().map(str::to_owned).collect();
    let mut file = std::io::BufWriter::new(std::fs::File::create(out)?);
    let begun = Instant::now();
    for batch in lines.chunks(BATCH) {
        for vector in embedder.embed(batch.to_vec(), Purpose::Passage, &CancellationToken::new()).await? {
            for value in vector {
                file.write_all(&value.to_le_bytes())?;
            }
        }
    }
    file.flush()?;
    println!("{} lines in {:.1} s", lines.len(), begun.elapsed().as_secs_f64());
    Ok(())
}
