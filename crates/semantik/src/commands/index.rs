//! `semantik index`: a folder becomes searchable, or is brought up to date.

use std::path::PathBuf;

use clap::Args;
use semantik_core::chunk::ChunkSettings;
use semantik_core::collection::NewCollection;
use semantik_core::operation::Operation;
use semantik_core::source::{DirectorySource, SourceConfig};
use serde::Deserialize;
use serde_json::Value;

use crate::client::{Client, encode};
use crate::context::Context;
use crate::error::{CliError, Exit, io_error};
use crate::progress::{self, Watched};
use crate::summary;

const EXAMPLES: &str = "\
Examples:
  semantik index ~/Documents
  semantik index ~/notes --collection notes --include '**/*.md'
  semantik index /usr/share/doc --exclude '**/changelog*' --strict

Running it again reads only what changed: new, edited, renamed and deleted files.
Ctrl-C cancels; running it again continues. A file that cannot be read is counted and named, and
does not stop the others; with --strict such a run exits with 6.";

/// Arguments of `index`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct IndexArgs {
    /// The folder to read, with everything below it
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
    /// The collection to put it in; made when missing
    #[arg(short, long, default_value = "documents", value_name = "NAME")]
    collection: String,
    /// Read only files that match (may be repeated)
    #[arg(long, value_name = "GLOB")]
    include: Vec<String>,
    /// Leave out files and folders that match (may be repeated)
    #[arg(long, value_name = "GLOB")]
    exclude: Vec<String>,
    /// Read names that begin with a dot as well
    #[arg(long)]
    hidden: bool,
    /// Do not wait for the end (needs a running server)
    #[arg(long)]
    no_wait: bool,
    /// Exit with 6 when a document failed
    #[arg(long)]
    strict: bool,
}

pub async fn run(context: &Context, args: IndexArgs) -> Result<Exit, CliError> {
    let wanted = directory(&args)?;
    let client = context.client().await?;
    let result = index(context, &client, &args, wanted).await;
    client.close().await;
    result
}

async fn index(
    context: &Context,
    client: &Client,
    args: &IndexArgs,
    wanted: DirectorySource,
) -> Result<Exit, CliError> {
    if args.no_wait && client.is_local() {
        return Err(CliError::usage(
            "--no-wait needs a running server, because nothing works on after this command ends",
        )
        .hint("start `semantik serve` in another terminal, or leave --no-wait out"));
    }
    ensure_collection(client, &args.collection).await?;
    let operation = start(client, &args.collection, wanted).await?;
    if args.no_wait {
        if context.out.json {
            context.out.document(&operation);
        } else {
            let id = operation.id;
            context.out.line(format_args!("started operation {id}; follow it with `semantik operations watch {id}`"));
        }
        return Ok(Exit::Ok);
    }
    let watched = follow(context, client, &args.collection, &operation).await?;
    let told = summary::tell(context, client, &args.collection, &watched).await?;
    watched.into_result()?;
    Ok(if args.strict && told.failed > 0 { Exit::Partial } else { Exit::Ok })
}

#[derive(Deserialize)]
struct Open {
    items: Vec<Operation>,
}

/// Watches the operation, and in this process whatever earlier runs left unfinished.
pub async fn follow(
    context: &Context,
    client: &Client,
    collection: &str,
    operation: &Operation,
) -> Result<Watched, CliError> {
    let mut watched = progress::watch(client, &context.out, operation.id).await?;
    if !client.is_local() || watched.interrupted {
        return Ok(watched);
    }
    let open: Open = client.get(&format!("/operations?collection={}&open=true&limit=20", encode(collection))).await?;
    for earlier in open.items {
        let also = progress::watch(client, &context.out, earlier.id).await?;
        watched.seconds += also.seconds;
        watched.interrupted |= also.interrupted;
    }
    Ok(watched)
}

/// Makes the collection when there is none of that name; true when it was made now.
pub async fn ensure_collection(client: &Client, name: &str) -> Result<bool, CliError> {
    match client.get::<Value>(&format!("/collections/{}", encode(name))).await {
        Ok(_) => return Ok(false),
        Err(error) if error.exit == Exit::NotFound => {}
        Err(error) => return Err(error),
    }
    let new = NewCollection {
        name: name.to_owned(),
        description: String::new(),
        tags: Vec::new(),
        chunking: ChunkSettings::default(),
    };
    match client.post::<Value>("/collections", &new).await {
        Ok(_) => Ok(true),
        // Somebody else was faster.
        Err(error) if error.code == "already_exists" => Ok(false),
        Err(error) => Err(error),
    }
}

/// Adds the folder (or starts a sync of it).
pub async fn start(client: &Client, collection: &str, wanted: DirectorySource) -> Result<Operation, CliError> {
    #[derive(Deserialize)]
    struct Started {
        operation: Operation,
    }
    let started: Started =
        client.post(&format!("/collections/{}/sources", encode(collection)), &SourceConfig::Directory(wanted)).await?;
    Ok(started.operation)
}

fn directory(args: &IndexArgs) -> Result<DirectorySource, CliError> {
    Ok(DirectorySource {
        path: folder_uri(&args.folder)?,
        include: args.include.clone(),
        exclude: args.exclude.clone(),
        hidden: args.hidden,
    })
}

/// The absolute path of a folder as the API takes it.
pub fn folder_uri(folder: &std::path::Path) -> Result<String, CliError> {
    let shown = folder.display();
    let path = folder.canonicalize().map_err(|e| io_error(&format!("cannot read folder {shown}"), &e))?;
    if !path.is_dir() {
        return Err(CliError::usage(format!("{shown} is not a folder"))
            .hint("name the folder the file is in, and choose with --include"));
    }
    Ok(semantik_ingest::connect::encode_path(&path))
}
