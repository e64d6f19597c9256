//! How fast a folder becomes searchable, and what the time goes to.
//!
//! `cargo bench -p semantik --bench indexing -- MODELS FOLDER [float32|float16|int8]`
//!
//! Runs the real program on a fresh data folder, with the model cache in `MODELS`, over a copy of the
//! Markdown files below `FOLDER` (the first 1,500). Prints documents and tokens a second, the share of the
//! processor's time that is embedding, and the ratio to the last run on this machine, which is kept in
//! `target/bench/`.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use serde_json::{Value, json};

/// Files taken, at most.
const FILES: usize = 1500;
/// Longer files are left out, so that no single one decides.
const FILE_BYTES: u64 = 200_000;

type Done<T> = Result<T, Box<dyn Error>>;

#[tokio::main]
async fn main() -> Done<()> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let [models, folder, rest @ ..] = &arguments[..] else {
        println!("name the folder of the model cache and one with Markdown files");
        return Ok(());
    };
    let quantization = rest.first().map_or("float16", String::as_str);
    let home = tempfile::tempdir()?;
    let documents = home.path().join("documents");
    copy_markdown(Path::new(folder), &documents)?;
    let run = Run { data: home.path().join("data"), models: Path::new(models).canonicalize()?, quantization };
    let mut server = run.command(&["serve", "--bind", "127.0.0.1:0", "--json"]).stdout(Stdio::piped()).spawn()?;
    let measured = run.measure(&mut server, &documents).await;
    server.kill()?;
    server.wait()?;
    report(quantization, &measured?)
}

/// One data folder and how the program runs on it.
struct Run<'a> {
    data: PathBuf,
    models: PathBuf,
    quantization: &'a str,
}

impl Run<'_> {
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_semantik"));
        command.args(arguments).arg("--data-dir").arg(&self.data);
        command.env("HF_CACHE_DIR", &self.models).env("DEFAULT_QUANTIZATION", self.quantization);
        command.env("HF_HUB_OFFLINE", "true").env("LOG_LEVEL", "ERROR").env_remove("USE_MOCK_EMBEDDINGS");
        command
    }

    async fn measure(&self, server: &mut Child, folder: &Path) -> Done<Value> {
        let told = server.stdout.take().ok_or("the server's output is not read")?;
        let told = serde_json::Deserializer::from_reader(told).into_iter::<Value>().next();
        let url = told.ok_or("the server ended")??["url"].as_str().ok_or("no address was told")?.to_owned();
        // The model is in memory before the clock runs.
        self.answer(&["search", "a first question"])?;
        let before = metrics(&url).await?;
        let began = Instant::now();
        let folder = folder.to_str().ok_or("the folder's path is not UTF-8")?;
        let summary = self.answer(&["index", folder])?;
        let seconds = began.elapsed().as_secs_f64();
        let after = metrics(&url).await?;
        let grown = |name: &str| after.get(name).unwrap_or(&0.0) - before.get(name).unwrap_or(&0.0);
        let cores = std::thread::available_parallelism()?.get();
        let computing = grown("semantik_embedding_compute_seconds_sum{purpose=\"passage\"}");
        let stage = |worker: &str| grown(&format!("worker_job_duration_seconds_sum{{worker=\"{worker}\"}}"));
        Ok(json!({
            "seconds": seconds,
            "documents": summary["documents"]["completed"],
            "passages": summary["chunks"],
            "tokens": grown("semantik_embedding_tokens_total{purpose=\"passage\"}"),
            "embedding_share": computing / (seconds * cores as f64),
            "tokenise_s": grown("semantik_embedding_tokenise_seconds_sum"),
            "scan_s": stage("scan"),
            "extract_s": stage("extract"),
            "embed_s": stage("embed"),
        }))
    }

    fn answer(&self, arguments: &[&str]) -> Done<Value> {
        let output = self.command(arguments).arg("--json").output()?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
        }
        Ok(serde_json::from_slice(&output.stdout)?)
    }
}

/// Sums and counters by name and labels, in the Prometheus text format.
async fn metrics(url: &str) -> Done<BTreeMap<String, f64>> {
    // Nothing is encrypted here, but the client wants to know how it would be.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let text = reqwest::get(format!("{url}/metrics")).await?.error_for_status()?.text().await?;
    let line = |line: &str| {
        let (name, value) = line.rsplit_once(' ')?;
        Some((name.to_owned(), value.parse().ok()?))
    };
    Ok(text.lines().filter(|line| !line.starts_with('#')).filter_map(line).collect())
}

fn report(quantization: &str, now: &Value) -> Done<()> {
    let number = |value: &Value, key: &str| value[key].as_f64().unwrap_or_default();
    let rate = |value: &Value, key: &str| number(value, key) / number(value, "seconds").max(1e-9);
    println!("{now:#}");
    println!(
        "{quantization}: {:.1} documents, {:.1} passages, {:.0} tokens a second; embedding is {:.0} % of the processor's time",
        rate(now, "documents"),
        rate(now, "passages"),
        rate(now, "tokens"),
        100.0 * number(now, "embedding_share")
    );
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("bench");
    let file = folder.join(format!("indexing-{quantization}.json"));
    if let Some(last) = std::fs::read(&file).ok().and_then(|text| serde_json::from_slice::<Value>(&text).ok()) {
        println!("{:.2}x the tokens a second of the last run", rate(now, "tokens") / rate(&last, "tokens").max(1e-9));
    }
    std::fs::create_dir_all(&folder)?;
    std::fs::write(file, now.to_string())?;
    Ok(())
}

/// Copies the Markdown files below `folder` into `target`, in the order of their paths.
fn copy_markdown(folder: &Path, target: &Path) -> Done<()> {
    let (mut files, mut open) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder)?.flatten() {
            let (path, kind) = (entry.path(), entry.file_type()?);
            if kind.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|ending| ending == "md") && entry.metadata()?.len() <= FILE_BYTES {
                files.push(path);
            }
        }
    }
    files.sort();
    std::fs::create_dir_all(target)?;
    for (number, file) in files.iter().take(FILES).enumerate() {
        std::fs::copy(file, target.join(format!("{number}.md")))?;
    }
    Ok(())
}
