//! The benchmarks of the local engine, by hand and never in CI.
//!
//! `cargo bench -p semantik-inference --bench inference -- embed|mixed|peak MODEL WORK [float32|float16|int8] [NUMBER]`
//!
//! `WORK` is made by `benches/peers/corpus.py`. Without arguments nothing is measured.

mod corpus;
mod embed;
mod mixed;
mod peak;

use std::error::Error;

use corpus::Corpus;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let Some((what, rest)) = arguments.split_first() else {
        println!("say what to measure: embed, mixed or peak, a folder with a model and one with passages");
        return Ok(());
    };
    let corpus = Corpus::read(rest)?;
    match what.as_str() {
        "embed" => embed::measure(&corpus).await,
        "mixed" => mixed::measure(corpus).await,
        "peak" => peak::measure(&corpus),
        other => Err(format!("`{other}` is not one of embed, mixed, peak").into()),
    }
}
