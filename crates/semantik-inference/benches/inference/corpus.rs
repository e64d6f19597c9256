//! What the benchmarks are asked to measure, and on what.

use std::error::Error;
use std::path::PathBuf;

use semantik_core::collection::Quantization;

/// `MODEL WORK [float32|float16|int8] [NUMBER]` and the texts in `WORK`: `passages.jsonl` (objects
/// with a `text`) and `queries.txt` (one a line).
pub struct Corpus {
    pub model: PathBuf,
    pub work: PathBuf,
    pub quantization: Quantization,
    /// What the last argument means is up to the benchmark.
    pub number: Option<usize>,
    pub passages: Vec<String>,
    /// Tokens of each passage, special ones included, where the file says.
    pub tokens: Vec<Option<u32>>,
    pub queries: Vec<String>,
}

#[derive(serde::Deserialize)]
struct Passage {
    text: String,
    tokens: Option<u32>,
}

impl Corpus {
    /// Reads what the arguments name.
    ///
    /// # Errors
    /// When an argument or a file makes no sense.
    pub fn read(arguments: &[String]) -> Result<Self, Box<dyn Error>> {
        let [model, work, rest @ ..] = arguments else {
            return Err("a folder with a model and a folder with passages are needed".into());
        };
        let (model, work) = (PathBuf::from(model), PathBuf::from(work));
        let lines = std::fs::read_to_string(work.join("passages.jsonl"))?;
        let rows = lines.lines().map(serde_json::from_str::<Passage>).collect::<Result<Vec<_>, _>>()?;
        let (passages, tokens) = rows.into_iter().map(|row| (row.text, row.tokens)).unzip();
        let queries = std::fs::read_to_string(work.join("queries.txt"))?;
        Ok(Self {
            quantization: rest.first().map_or(Ok(Quantization::Float16), |text| text.parse())?,
            number: rest.get(1).map(|text| text.parse()).transpose()?,
            passages,
            tokens,
            queries: queries.lines().map(str::to_owned).collect(),
            model,
            work,
        })
    }
}
