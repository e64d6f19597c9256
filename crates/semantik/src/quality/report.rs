//! What was measured of a model, as it is kept beside it.

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// The file beside the model's own.
const QUALITY_FILE: &str = "quality.json";

/// What was measured of a model.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Quality {
    pub model: String,
    /// SHA-256 of the weights that were measured.
    pub model_hash: String,
    /// The program's version.
    pub version: String,
    pub cpu: String,
    /// Threads that computed.
    pub threads: usize,
    /// Threads of the whole machine that wanted to run when the measurement began, on average over the
    /// minute before; where that is not small, times say little.
    #[serde(default)]
    pub busy: Option<f64>,
    /// When, in seconds since 1970.
    pub measured_at: i64,
    /// What the passages were.
    pub texts: String,
    pub passages: usize,
    pub precisions: Vec<PrecisionQuality>,
}

/// What was measured of one precision.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PrecisionQuality {
    pub precision: String,
    /// Of a passage's vector with that in float32: the mean, and the least.
    pub cosine_mean: f64,
    pub cosine_least: f64,
    /// The share of the ten best passages of a query that are the same as in float32, over queries.
    pub overlap_10: f64,
    /// Tokens of passages per second.
    pub tokens_per_s: f64,
    /// Milliseconds of one query by itself, tokenisation included.
    pub query_p50_ms: f64,
    pub query_p95_ms: f64,
    pub load_s: f64,
    /// Resident memory of a process with the model loaded beyond the same one without; `None` where the
    /// system does not tell.
    pub memory_bytes: Option<u64>,
    /// nDCG@10 on Cranfield; `None` when it was not measured.
    pub ndcg_10: Option<f64>,
}

impl Quality {
    /// Keeps this beside the model, in place of an earlier one.
    pub fn keep(&self, folder: &Path) -> io::Result<()> {
        let part = folder.join(format!("{QUALITY_FILE}.part"));
        std::fs::write(&part, serde_json::to_vec_pretty(self)?)?;
        std::fs::rename(part, folder.join(QUALITY_FILE))
    }

    /// Rows for people, the first one the head.
    pub fn table(&self) -> Vec<Vec<String>> {
        let judged = self.precisions.iter().any(|row| row.ndcg_10.is_some());
        let mut head =
            ["precision", "cosine", "least", "top-10 overlap", "tokens/s", "query p50", "p95", "load", "memory"]
                .map(str::to_owned)
                .to_vec();
        head.extend(judged.then(|| "nDCG@10".to_owned()));
        let rows = self.precisions.iter().map(|row| {
            let mut cells = vec![
                row.precision.clone(),
                format!("{:.6}", row.cosine_mean),
                format!("{:.6}", row.cosine_least),
                format!("{:.4}", row.overlap_10),
                crate::output::thousands(row.tokens_per_s.round() as u64),
                format!("{:.1} ms", row.query_p50_ms),
                format!("{:.1} ms", row.query_p95_ms),
                format!("{:.2} s", row.load_s),
                row.memory_bytes.map_or_else(|| "unknown".into(), crate::output::size),
            ];
            cells.extend(judged.then(|| row.ndcg_10.map_or_else(String::new, |ndcg| format!("{ndcg:.4}"))));
            cells
        });
        std::iter::once(head).chain(rows).collect()
    }
}

/// What is kept beside a model, when it is of these weights.
pub fn kept(folder: &Path, model_hash: &str) -> Option<Quality> {
    let text = std::fs::read(folder.join(QUALITY_FILE)).ok()?;
    serde_json::from_slice::<Quality>(&text).ok().filter(|quality| quality.model_hash == model_hash)
}

#[cfg(test)]
mod tests {
    use super::{PrecisionQuality, Quality, kept};

    #[test]
    fn a_measurement_is_kept_and_counts_for_its_weights_only() {
        let row = PrecisionQuality {
            precision: "int8".into(),
            cosine_mean: 0.999,
            cosine_least: 0.99,
            overlap_10: 0.97,
            tokens_per_s: 12_345.6,
            query_p50_ms: 1.24,
            query_p95_ms: 2.0,
            load_s: 0.5,
            memory_bytes: None,
            ndcg_10: Some(0.4),
        };
        let quality = Quality {
            model: "tiny".into(),
            model_hash: "ab".into(),
            version: "0".into(),
            cpu: "a processor".into(),
            threads: 2,
            busy: None,
            measured_at: 0,
            texts: "texts".into(),
            passages: 50,
            precisions: vec![row],
        };
        let dir = tempfile::tempdir().expect("a temporary folder");
        quality.keep(dir.path()).expect("writable");
        assert!(kept(dir.path(), "cd").is_none());
        let table = kept(dir.path(), "ab").expect("it was written").table();
        assert_eq!(
            table[1],
            ["int8", "0.999000", "0.990000", "0.9700", "12,346", "1.2 ms", "2.0 ms", "0.50 s", "unknown", "0.4000"]
        );
    }
}
