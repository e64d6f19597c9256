//! `semantik models measure`: the quality and speed of each precision, on this machine.

use std::path::PathBuf;
use std::process::Stdio;

use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use semantik_core::collection::Quantization;
use semantik_inference::local::{LocalOptions, facts, weights_hash};
use semantik_inference::models::{ModelCache, ModelKind};
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

use super::{blocking, model_error, show};
use crate::context::Context;
use crate::error::{CliError, Exit};
use crate::quality::{Judged, Plan, Quality, Texts, measure, resident_bytes};

/// Arguments of `models measure`.
#[derive(Debug, Args)]
pub struct MeasureArgs {
    /// The configured model when left out
    name: Option<String>,
    /// Passages to measure with, one per line [default: this program's documentation]
    #[arg(long, value_name = "FILE")]
    texts: Option<PathBuf>,
    /// Also nDCG@10: the folder with cran.all.1400, cran.qry and QRelsCorrectedforTRECeval
    #[arg(long, value_name = "DIR")]
    cranfield: Option<PathBuf>,
    /// Only print the memory that this precision takes; the command runs itself with it
    #[arg(long, hide = true)]
    memory_of: Option<Quantization>,
}

/// Measures, shows, and keeps the result beside the model.
pub async fn run(context: &Context, cache: &ModelCache, args: MeasureArgs) -> Result<Exit, CliError> {
    let name = args.name.unwrap_or_else(|| context.config.embedding.model.clone());
    let folder = cache.resolve(&name).map_err(model_error)?;
    let threads = context.config.embedding.threads;
    if let Some(quantization) = args.memory_of {
        let options = LocalOptions { threads, quantization };
        let bytes = resident_bytes(&folder, &name, options, &Texts::documentation()).await.map_err(model_error)?;
        context.out.document(&bytes);
        return Ok(Exit::Ok);
    }
    if facts(&folder).map_err(model_error)?.kind == ModelKind::Reranker {
        return Err(CliError::usage(format!("{name} is a reranker; embedding models are measured")));
    }
    let texts = args.texts.as_deref().map_or_else(|| Ok(Texts::documentation()), Texts::read)?;
    let judged = args.cranfield.as_deref().map(Judged::cranfield).transpose()?;
    let plan = Plan { folder: folder.clone(), name: name.clone(), threads, texts, judged };
    let mut quality = watched(context, &plan).await?;
    for row in &mut quality.precisions {
        row.memory_bytes = memory(context, &name, &row.precision).await?;
    }
    if let Err(error) = quality.keep(&folder) {
        context.out.warn(format_args!("{} cannot be written to ({error}); the figures are not kept", folder.display()));
    }
    if context.out.json {
        context.out.document(&quality);
    } else {
        show::print_measured(&context.out, &quality);
    }
    Ok(Exit::Ok)
}

/// Runs the plan under a progress bar; Ctrl-C ends it.
async fn watched(context: &Context, plan: &Plan) -> Result<Quality, CliError> {
    let bar = ProgressBar::new(plan.steps() as u64);
    if context.out.quiet {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    let style = ProgressStyle::with_template("{msg:8}  {bar:30.cyan/dim} {human_pos} of {human_len} texts  {eta} left");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("━╸─"));
    let step = |texts: usize, quantization: Quantization| {
        bar.set_message(quantization.as_str());
        bar.inc(texts as u64);
    };
    let (cancel, busy) = (CancellationToken::new(), busy());
    let folder = plan.folder.clone();
    let model_hash = blocking(move || weights_hash(&folder)).await?;
    let result = tokio::select! {
        result = measure(plan, &cancel, &step) => result.map_err(model_error),
        signal = tokio::signal::ctrl_c() => {
            signal.map_err(CliError::internal)?;
            cancel.cancel();
            Err(CliError::interrupted("interrupted; nothing was kept"))
        }
    };
    bar.finish_and_clear();
    Ok(Quality {
        model: plan.name.clone(),
        model_hash,
        version: env!("CARGO_PKG_VERSION").into(),
        cpu: cpu(),
        threads: if plan.threads == 0 { cores() } else { plan.threads },
        busy,
        measured_at: time::OffsetDateTime::now_utc().unix_timestamp(),
        texts: plan.texts.what.clone(),
        passages: plan.texts.passages.len(),
        precisions: result?,
    })
}

/// Memory of a process of its own, which nothing else has grown.
async fn memory(context: &Context, name: &str, precision: &str) -> Result<Option<u64>, CliError> {
    let program = std::env::current_exe().map_err(CliError::internal)?;
    let mut command = Command::new(program);
    command
        .arg("--model-cache")
        .arg(&context.config.embedding.cache_dir)
        .arg("--data-dir")
        .arg(&context.config.data_dir);
    command.args(["--quiet", "models", "measure", name, "--memory-of", precision]);
    command.stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let output = tokio::select! {
        output = command.output() => output.map_err(CliError::internal)?,
        signal = tokio::signal::ctrl_c() => {
            signal.map_err(CliError::internal)?;
            return Err(CliError::interrupted("interrupted; nothing was kept"));
        }
    };
    Ok(serde_json::from_slice(&output.stdout).unwrap_or_default())
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// The load of the machine over the last minute, where the system tells.
fn busy() -> Option<f64> {
    std::fs::read_to_string("/proc/loadavg").ok()?.split_whitespace().next()?.parse().ok()
}

/// What the processor calls itself.
fn cpu() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    name.map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, name)| name.trim().to_owned())
}
