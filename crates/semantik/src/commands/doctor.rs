//! `semantik doctor`: what works, what does not, and what to do about it.

use std::path::Path;

use clap::Args;
use semantik_inference::models::ModelCache;
use semantik_inference::remote::{RemoteEmbedder, RemoteOptions};
use semantik_inference::{Embedder, ModelInfo};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::client::{Client, Method};
use crate::context::Context;
use crate::error::{CliError, Exit};
use crate::output::{size, thousands};
use crate::summary::{FormatCount, format_rows};

/// Less free space than this is a problem.
const FREE_BYTES: u64 = 1 << 30;

const EXAMPLES: &str = "\
Examples:
  semantik doctor
  semantik doctor --consistency       every passage against every point of the index

Exits with 1 when something is wrong, and says what to do about each thing.";

/// Arguments of `doctor`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct DoctorArgs {
    /// Compare every passage's row with its point in the index
    #[arg(long)]
    consistency: bool,
}

/// One thing looked at.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Check {
    name: String,
    ok: bool,
    detail: String,
}

/// One thing wrong.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Problem {
    area: String,
    message: String,
    remedy: String,
}

/// What was found.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Report {
    problems: Vec<Problem>,
    checks: Vec<Check>,
    #[serde(default)]
    counts: Value,
}

impl Report {
    fn fine(&mut self, name: &str, detail: impl Into<String>) {
        self.checks.push(Check { name: name.into(), ok: true, detail: detail.into() });
    }

    fn wrong(&mut self, name: &str, message: impl Into<String>, remedy: impl Into<String>) {
        let message = message.into();
        self.checks.push(Check { name: name.into(), ok: false, detail: message.clone() });
        self.problems.push(Problem { area: name.into(), message, remedy: remedy.into() });
    }

    fn failed(&mut self, name: &str, error: &CliError) {
        self.wrong(name, error.message.clone(), error.hint.clone().unwrap_or_default());
    }
}

pub async fn run(context: &Context, args: DoctorArgs) -> Result<Exit, CliError> {
    let mut report = Report::default();
    match context.client().await {
        Ok(client) => {
            check_server(context, &client, &mut report).await;
            ask(&client, args.consistency, &mut report).await;
            client.close().await;
        }
        Err(error) => report.failed("open", &error),
    }
    check_folder(&context.config.data_dir, &mut report);
    check_model(context, &mut report).await;
    check_extractor(context, &mut report).await;
    check_tesseract(&mut report).await;
    if context.out.json {
        context.out.document(&report);
    } else {
        print(context, &report);
    }
    Ok(if report.problems.is_empty() { Exit::Ok } else { Exit::Internal })
}

async fn check_server(context: &Context, client: &Client, report: &mut Report) {
    match client {
        Client::Remote(remote) => match client.request::<Value>(Method::GET, "/readyz", None).await {
            Ok(_) => report.fine("server", format!("ready at {}", remote.url())),
            Err(error) => report.failed("server", &error),
        },
        Client::Local(_) => match tokio::net::TcpListener::bind(context.config.server.bind).await {
            Ok(_) => report.fine("server", format!("not running; {} is free", context.config.server.bind)),
            Err(error) => {
                report.wrong(
                    "server",
                    format!("{}: {error}", context.config.server.bind),
                    "choose another address: semantik serve --bind 127.0.0.1:0",
                );
            }
        },
    }
}

async fn ask(client: &Client, consistency: bool, report: &mut Report) {
    match client.post::<Report>("/system/doctor", &json!({ "consistency": consistency })).await {
        Ok(answer) => {
            report.checks.extend(answer.checks);
            report.problems.extend(answer.problems);
            report.counts = answer.counts;
        }
        Err(error) => report.failed("store", &error),
    }
}

fn check_folder(path: &Path, report: &mut Report) {
    let probe = path.join(format!(".doctor-{}", std::process::id()));
    match std::fs::write(&probe, b"x").and_then(|()| std::fs::remove_file(&probe)) {
        Ok(()) => report.fine("data folder", format!("{} can be written", path.display())),
        Err(error) => report.wrong(
            "data folder",
            format!("{}: {error}", path.display()),
            "make it writable, or choose another with --data-dir",
        ),
    }
    match fs4::available_space(path) {
        Ok(free) if free < FREE_BYTES => {
            report.wrong(
                "disk space",
                format!("{} left", size(free)),
                "free some space, or move the data folder to a larger disk",
            );
        }
        Ok(free) => report.fine("disk space", format!("{} left", size(free))),
        Err(error) => report.wrong("disk space", error.to_string(), "check that the disk is mounted"),
    }
}

async fn check_model(context: &Context, report: &mut Report) {
    let settings = &context.config.embedding;
    if settings.mock {
        report.fine("model", "USE_MOCK_EMBEDDINGS is set: vectors carry no meaning");
        return;
    }
    if let Some(provider) = settings.provider {
        return check_remote(RemoteOptions::of(provider, settings), report).await;
    }
    let (cache, name) = (ModelCache::new(&settings.cache_dir), settings.model.clone());
    match super::models::blocking(move || cache.verify(&name)).await {
        Ok(model) => report.fine("model", format!("{} is whole ({})", model.manifest.name, size(model.bytes))),
        Err(error) => report.wrong("model", error.message, format!("semantik models pull {}", settings.model)),
    }
}

async fn check_remote(options: RemoteOptions, report: &mut Report) {
    let provider = options.provider;
    match RemoteEmbedder::connect(options).await {
        Ok(embedder) => {
            let ModelInfo { name, dimensions, .. } = embedder.info();
            report.fine("model", format!("{name} answers over {provider} with {dimensions} dimensions"));
        }
        Err(error) => report.wrong("model", error.to_string(), "correct the EMBEDDING_ settings"),
    }
}

async fn check_extractor(context: &Context, report: &mut Report) {
    match semantik_app::try_extractor(&context.config).await {
        Ok(()) => report.fine("extractor", "starts, reads a file and answers"),
        Err(error) => {
            report.wrong("extractor", error.to_string(), "raise EXTRACT_MEMORY_MB, and look at the log with -v")
        }
    }
}

async fn check_tesseract(report: &mut Report) {
    let version = tokio::process::Command::new("tesseract").arg("--version").output().await;
    let detail = match version {
        Ok(output) if output.status.success() => {
            String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or("present").to_owned()
        }
        _ => "tesseract is not installed: pages that are only pictures are skipped".to_owned(),
    };
    report.fine("ocr", detail);
}

fn print(context: &Context, report: &Report) {
    let (out, style) = (&context.out, context.out.style);
    for check in &report.checks {
        let mark = if check.ok { style.green("ok   ") } else { style.red("wrong") };
        out.line(format_args!("{mark}  {:<12} {}", check.name, check.detail));
    }
    let number = |name: &str| report.counts.get(name).and_then(Value::as_u64).unwrap_or(0);
    if let Some(states) = report.counts.get("documents_by_status").and_then(Value::as_object) {
        let told: Vec<String> =
            states.iter().map(|(state, count)| format!("{} {state}", thousands(count.as_u64().unwrap_or(0)))).collect();
        out.line(format_args!("\ndocuments: {}", if told.is_empty() { "none".to_owned() } else { told.join(", ") }));
        out.line(format_args!(
            "passages: {}; points in the index: {}",
            thousands(number("chunk_rows")),
            thousands(number("index_points"))
        ));
    }
    let formats: Option<Vec<FormatCount>> =
        report.counts.get("documents_by_format").and_then(|v| serde_json::from_value(v.clone()).ok());
    if let Some(formats) = formats.filter(|formats| !formats.is_empty()) {
        out.line("");
        out.table(&format_rows(&formats));
    }
    if report.problems.is_empty() {
        out.line(format_args!("\n{}", style.green("Nothing is wrong.")));
    }
    for problem in &report.problems {
        out.line(format_args!("\n{} {}: {}", style.red("problem"), problem.area, problem.message));
        if !problem.remedy.is_empty() {
            out.line(format_args!("  what to do: {}", problem.remedy));
        }
    }
}
