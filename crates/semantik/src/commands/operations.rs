//! `semantik operations`: what runs, and stopping it.

use clap::{Args, Subcommand};
use semantik_core::clock::rfc3339;
use semantik_core::id::OperationId;
use semantik_core::operation::Operation;
use serde::Deserialize;
use serde_json::Value;

use crate::client::{Client, encode};
use crate::context::Context;
use crate::error::{CliError, Exit};
use crate::output::printable;
use crate::progress;

const EXAMPLES: &str = "\
Examples:
  semantik operations list --open
  semantik operations watch 0198c0de-…      Ctrl-C cancels the operation
  semantik operations cancel 0198c0de-…";

/// Arguments of `operations`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct OperationsArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Operations, newest first
    List {
        #[arg(short, long, value_name = "NAME")]
        collection: Option<String>,
        /// Only those that have not ended
        #[arg(long)]
        open: bool,
        #[arg(short = 'n', long, default_value_t = 20)]
        limit: usize,
    },
    /// One operation
    Show { id: OperationId },
    /// Stop an operation; what it has done stays
    Cancel { id: OperationId },
    /// Follow an operation to its end
    Watch { id: OperationId },
}

pub async fn run(context: &Context, args: OperationsArgs) -> Result<Exit, CliError> {
    let client = context.client().await?;
    let result = match &args.action {
        Action::List { collection, open, limit } => list(context, &client, collection.as_deref(), *open, *limit).await,
        Action::Show { id } => {
            client.get(&format!("/operations/{id}")).await.map(|operation| tell(context, &operation))
        }
        Action::Cancel { id } => {
            client.delete(&format!("/operations/{id}")).await.map(|operation| tell(context, &operation))
        }
        Action::Watch { id } => watch(context, &client, *id).await,
    };
    client.close().await;
    result
}

async fn list(
    context: &Context,
    client: &Client,
    collection: Option<&str>,
    open: bool,
    limit: usize,
) -> Result<Exit, CliError> {
    #[derive(Deserialize)]
    struct Items {
        items: Vec<Operation>,
    }
    let scope = collection.map(|name| format!("&collection={}", encode(name))).unwrap_or_default();
    let value: Value = client.get(&format!("/operations?open={open}&limit={limit}{scope}")).await?;
    if context.out.json {
        context.out.document(&value);
        return Ok(Exit::Ok);
    }
    let operations: Items = serde_json::from_value(value).map_err(CliError::internal)?;
    if operations.items.is_empty() {
        context.out.line("No operations.");
        return Ok(Exit::Ok);
    }
    let mut rows = vec![["id", "kind", "status", "documents", "passages", "started"].map(str::to_owned).to_vec()];
    for o in &operations.items {
        let p = &o.progress;
        rows.push(vec![
            o.id.to_string(),
            o.kind.to_string(),
            o.status.to_string(),
            format!("{}/{}", p.documents_done, p.documents_total),
            format!("{}/{}", p.chunks_done, p.chunks_total),
            rfc3339(o.created_at),
        ]);
    }
    context.out.table(&rows);
    Ok(Exit::Ok)
}

async fn watch(context: &Context, client: &Client, id: OperationId) -> Result<Exit, CliError> {
    let watched = progress::watch(client, &context.out, id).await?;
    tell(context, &watched.operation);
    watched.into_result()?;
    Ok(Exit::Ok)
}

fn tell(context: &Context, operation: &Operation) -> Exit {
    let out = &context.out;
    if out.json {
        out.document(operation);
        return Exit::Ok;
    }
    out.line(format_args!("{}  {}", operation.id, progress::describe(operation)));
    if let Some(message) = &operation.message {
        out.line(format_args!("  {}", printable(message)));
    }
    Exit::Ok
}
