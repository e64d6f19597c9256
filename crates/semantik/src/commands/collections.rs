//! `semantik collections`: list, show, create, delete.

use std::io::{IsTerminal, Write};

use clap::{Args, Subcommand};
use semantik_core::chunk::{ChunkSettings, ChunkStrategy};
use semantik_core::collection::NewCollection;
use semantik_core::operation::Operation;
use serde_json::Value;

use crate::client::{Client, encode};
use crate::context::Context;
use crate::error::{CliError, Exit};
use crate::output::{printable, size, thousands};
use crate::progress;
use crate::summary::{self, CollectionView};

const EXAMPLES: &str = "\
Examples:
  semantik collections list
  semantik collections create notes --description \"my notebooks\" --max-tokens 128
  semantik collections delete notes --yes";

/// Arguments of `collections`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct CollectionsArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// All collections with their counts
    List,
    /// One collection: sources, counts by format, model
    Show { collection: String },
    /// Make an empty collection (`index` makes one by itself)
    Create(CreateArgs),
    /// Delete a collection and its index; the files stay untouched
    Delete {
        collection: String,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
}

#[derive(Debug, Args)]
struct CreateArgs {
    name: String,
    #[arg(long, default_value = "")]
    description: String,
    /// May be repeated
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// How text is cut: recursive, markdown, code, sentence, tokens
    #[arg(long, value_name = "STRATEGY")]
    strategy: Option<ChunkStrategy>,
    /// Most tokens of a passage
    #[arg(long, value_name = "N")]
    max_tokens: Option<usize>,
    /// Tokens repeated between passages
    #[arg(long, value_name = "N")]
    overlap_tokens: Option<usize>,
}

pub async fn run(context: &Context, args: CollectionsArgs) -> Result<Exit, CliError> {
    let client = context.client().await?;
    let result = match &args.action {
        Action::List => list(context, &client).await,
        Action::Show { collection } => show(context, &client, collection).await,
        Action::Create(args) => create(context, &client, args).await,
        Action::Delete { collection, yes } => delete(context, &client, collection, *yes).await,
    };
    client.close().await;
    result
}

async fn list(context: &Context, client: &Client) -> Result<Exit, CliError> {
    let value: Value = client.get("/collections").await?;
    if context.out.json {
        context.out.document(&value);
        return Ok(Exit::Ok);
    }
    let collections: Vec<CollectionView> = serde_json::from_value(value).map_err(CliError::internal)?;
    if collections.is_empty() {
        context.out.line("No collections yet. Make one: semantik index <folder>");
        return Ok(Exit::Ok);
    }
    let mut rows =
        vec![["name", "status", "documents", "failed", "skipped", "passages", "size"].map(str::to_owned).to_vec()];
    for c in collections {
        rows.push(vec![
            printable(&c.name),
            c.status,
            thousands(c.counts.documents),
            thousands(c.counts.failed),
            thousands(c.counts.skipped),
            thousands(c.counts.indexed_chunks),
            size(c.counts.bytes),
        ]);
    }
    context.out.table(&rows);
    Ok(Exit::Ok)
}

async fn show(context: &Context, client: &Client, key: &str) -> Result<Exit, CliError> {
    let mut value: Value = client.get(&format!("/collections/{}", encode(key))).await?;
    let sources: Value = client.get(&format!("/collections/{}/sources", encode(key))).await?;
    if context.out.json {
        value["sources"] = sources;
        context.out.document(&value);
        return Ok(Exit::Ok);
    }
    let view: CollectionView = serde_json::from_value(value).map_err(CliError::internal)?;
    let (out, c) = (&context.out, &view.counts);
    out.line(format_args!("{}  {}", out.style.bold(&printable(&view.name)), out.style.dim(&view.id.to_string())));
    if !view.description.is_empty() {
        out.line(printable(&view.description));
    }
    out.line(format_args!("{}; model {} ({} dimensions)", view.status, view.model, view.dimensions));
    out.line(format_args!(
        "{} documents ({} completed, {} failed, {} skipped, {} to do), {} of {} passages indexed, {}",
        thousands(c.documents),
        thousands(c.completed),
        thousands(c.failed),
        thousands(c.skipped),
        thousands(c.pending + c.processing),
        thousands(c.indexed_chunks),
        thousands(c.chunks),
        size(c.bytes)
    ));
    for source in sources.as_array().into_iter().flatten() {
        let path = source.pointer("/config/path").and_then(Value::as_str).unwrap_or("uploads");
        let error =
            source["last_error"].as_str().map(|e| format!("  {}", out.style.red(&printable(e)))).unwrap_or_default();
        out.line(format_args!("source {}{error}", printable(path)));
    }
    if !view.formats.is_empty() {
        out.line("");
        out.table(&summary::format_rows(&view.formats));
    }
    Ok(Exit::Ok)
}

async fn create(context: &Context, client: &Client, args: &CreateArgs) -> Result<Exit, CliError> {
    let default = ChunkSettings::default();
    let new = NewCollection {
        name: args.name.clone(),
        description: args.description.clone(),
        tags: args.tags.clone(),
        chunking: ChunkSettings {
            strategy: args.strategy.unwrap_or(default.strategy),
            max_tokens: args.max_tokens.unwrap_or(default.max_tokens),
            overlap_tokens: args.overlap_tokens.unwrap_or(default.overlap_tokens),
        },
    };
    let value: Value = client.post("/collections", &new).await?;
    if context.out.json {
        context.out.document(&value);
    } else {
        context.out.line(format_args!(
            "created {}; fill it: semantik index <folder> --collection {}",
            printable(&args.name),
            args.name
        ));
    }
    Ok(Exit::Ok)
}

async fn delete(context: &Context, client: &Client, key: &str, yes: bool) -> Result<Exit, CliError> {
    let view: CollectionView = client.get(&format!("/collections/{}", encode(key))).await?;
    if !yes && !confirmed(&view)? {
        context.out.note("nothing was deleted");
        return Ok(Exit::Ok);
    }
    let operation = delete_and_wait(context, client, key).await?;
    if context.out.json {
        context.out.document(&operation);
    } else {
        context.out.line(format_args!("deleted {}", printable(&view.name)));
    }
    Ok(Exit::Ok)
}

/// Deletes a collection and waits until it is gone.
pub async fn delete_and_wait(context: &Context, client: &Client, key: &str) -> Result<Operation, CliError> {
    let operation: Operation = client.delete(&format!("/collections/{}", encode(key))).await?;
    match progress::watch(client, &context.out, operation.id).await {
        Ok(watched) => Ok(watched.into_result()?.operation),
        // The operation went with its collection: that is the end waited for.
        Err(error) if error.exit == Exit::NotFound => Ok(operation),
        Err(error) => Err(error),
    }
}

fn confirmed(view: &CollectionView) -> Result<bool, CliError> {
    if !std::io::stdin().is_terminal() {
        return Err(CliError::usage(format!("deleting {} needs a yes", view.name)).hint("add --yes"));
    }
    // A question that cannot be shown is answered with no below.
    let mut stderr = std::io::stderr();
    let _ = write!(
        stderr,
        "Delete {} with {} documents? The files themselves stay. [y/N] ",
        printable(&view.name),
        thousands(view.counts.documents)
    );
    let _ = stderr.flush();
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).map_err(CliError::internal)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
