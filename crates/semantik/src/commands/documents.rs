//! `semantik documents`: list, show, read, look at the passages, try again.

use clap::{Args, Subcommand};
use semantik_core::clock::rfc3339;
use semantik_core::document::{Document, DocumentStatus};
use semantik_core::id::DocumentId;
use semantik_core::operation::Operation;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::client::{Client, encode};
use crate::context::Context;
use crate::error::{CliError, Exit};
use crate::output::{printable, size};
use crate::progress;
use crate::summary::reason;

const EXAMPLES: &str = "\
Examples:
  semantik documents list documents --status failed
  semantik documents content 0198c0de-…            the text as it was read
  semantik documents retry-failed documents";

/// Arguments of `documents`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct DocumentsArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Documents of a collection
    List(ListArgs),
    /// One document: state, reason, pages
    Show { id: DocumentId },
    /// The text of a document, as it was read
    Content { id: DocumentId },
    /// The passages a document was cut into
    Chunks {
        id: DocumentId,
        /// First passage, from 0
        #[arg(long, default_value_t = 0)]
        from: u32,
        #[arg(short = 'n', long, default_value_t = 100)]
        limit: usize,
    },
    /// Read one document again
    Retry { id: DocumentId },
    /// Read all failed documents of a collection again
    RetryFailed {
        #[arg(default_value = "documents")]
        collection: String,
    },
}

#[derive(Debug, Args)]
struct ListArgs {
    #[arg(default_value = "documents")]
    collection: String,
    /// pending, processing, completed, failed, skipped or deleting
    #[arg(long)]
    status: Option<DocumentStatus>,
    #[arg(long, value_name = "PATH")]
    path_prefix: Option<String>,
    #[arg(short = 'n', long, default_value_t = 100)]
    limit: usize,
    /// Continue after this id (`next_cursor` of the page before)
    #[arg(long, value_name = "ID")]
    cursor: Option<DocumentId>,
}

pub async fn run(context: &Context, args: DocumentsArgs) -> Result<Exit, CliError> {
    let client = context.client().await?;
    let result = match &args.action {
        Action::List(args) => list(context, &client, args).await,
        Action::Show { id } => show(context, &client, *id).await,
        Action::Content { id } => content(context, &client, *id).await,
        Action::Chunks { id, from, limit } => chunks(context, &client, *id, *from, *limit).await,
        Action::Retry { id } => retry(context, &client, &format!("/documents/{id}/retry")).await,
        Action::RetryFailed { collection } => {
            retry(context, &client, &format!("/collections/{}/documents/retry-failed", encode(collection))).await
        }
    };
    client.close().await;
    result
}

async fn list(context: &Context, client: &Client, args: &ListArgs) -> Result<Exit, CliError> {
    #[derive(Deserialize)]
    struct Page {
        items: Vec<Document>,
        next_cursor: Option<DocumentId>,
    }
    let mut path = format!("/collections/{}/documents?limit={}", encode(&args.collection), args.limit);
    for (name, value) in [
        ("status", args.status.map(|s| s.to_string())),
        ("path_prefix", args.path_prefix.clone()),
        ("cursor", args.cursor.map(|c| c.to_string())),
    ] {
        if let Some(value) = value {
            path.push_str(&format!("&{name}={}", encode(&value)));
        }
    }
    let value: Value = client.get(&path).await?;
    if context.out.json {
        context.out.document(&value);
        return Ok(Exit::Ok);
    }
    let page: Page = serde_json::from_value(value).map_err(CliError::internal)?;
    if page.items.is_empty() {
        context.out.line("No such documents.");
        return Ok(Exit::Ok);
    }
    let mut rows = vec![["id", "status", "size", "path", "reason"].map(str::to_owned).to_vec()];
    for d in &page.items {
        rows.push(vec![d.id.to_string(), d.status.to_string(), size(d.size), printable(&d.uri), reason(d)]);
    }
    context.out.table(&rows);
    if let Some(next) = page.next_cursor {
        context.out.note(format_args!("more: add --cursor {next}"));
    }
    Ok(Exit::Ok)
}

async fn show(context: &Context, client: &Client, id: DocumentId) -> Result<Exit, CliError> {
    let document: Document = client.get(&format!("/documents/{id}")).await?;
    let out = &context.out;
    if out.json {
        out.document(&document);
        return Ok(Exit::Ok);
    }
    out.line(format_args!("{}  {}", out.style.bold(&printable(&document.name)), out.style.dim(&id.to_string())));
    out.line(format_args!("path      {}", printable(&document.uri)));
    out.line(format_args!("status    {}  {}", document.status, reason(&document)));
    out.line(format_args!("type      {}", document.mime.as_deref().unwrap_or("not known yet")));
    out.line(format_args!("size      {}", size(document.size)));
    if let Some(at) = document.modified_at {
        out.line(format_args!("modified  {}", rfc3339(at)));
    }
    if let Some(title) = &document.title {
        out.line(format_args!("title     {}", printable(title)));
    }
    out.line(format_args!("passages  {}", document.chunk_count));
    for page in &document.pages {
        out.line(format_args!(
            "page {:>4} {}  {}",
            page.number,
            page.state,
            page.reason.as_deref().map(printable).unwrap_or_default()
        ));
    }
    Ok(Exit::Ok)
}

async fn content(context: &Context, client: &Client, id: DocumentId) -> Result<Exit, CliError> {
    let value: Value = client.get(&format!("/documents/{id}/content")).await?;
    if context.out.json {
        context.out.document(&value);
    } else {
        context.out.line(value["text"].as_str().unwrap_or_default());
    }
    Ok(Exit::Ok)
}

async fn chunks(context: &Context, client: &Client, id: DocumentId, from: u32, limit: usize) -> Result<Exit, CliError> {
    let value: Value = client.get(&format!("/documents/{id}/chunks?from={from}&limit={limit}")).await?;
    let out = &context.out;
    if out.json {
        out.document(&value);
        return Ok(Exit::Ok);
    }
    for chunk in value["items"].as_array().into_iter().flatten() {
        let page = chunk["page"].as_u64().map(|page| format!(", page {page}")).unwrap_or_default();
        let head = format!(
            "#{} bytes {}-{}, {} tokens{page}",
            chunk["ordinal"], chunk["start"], chunk["end"], chunk["token_count"]
        );
        out.line(out.style.dim(&head));
        out.line(chunk["text"].as_str().unwrap_or_default());
        out.line("");
    }
    Ok(Exit::Ok)
}

async fn retry(context: &Context, client: &Client, path: &str) -> Result<Exit, CliError> {
    let operation: Operation = client.post(path, &json!({})).await?;
    let watched = progress::watch(client, &context.out, operation.id).await?.into_result()?;
    if context.out.json {
        context.out.document(&watched.operation);
    } else {
        context.out.line(progress::describe(&watched.operation));
    }
    Ok(Exit::Ok)
}
