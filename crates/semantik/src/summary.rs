//! What a run of indexing came to: counts by state and format, the failures by name, what next.

use semantik_core::collection::CollectionCounts;
use semantik_core::document::{Document, Reason};
use semantik_core::id::OperationId;
use semantik_core::operation::OperationStatus;
use serde::{Deserialize, Serialize};

use crate::client::{Client, encode};
use crate::context::Context;
use crate::error::CliError;
use crate::output::{duration, printable, thousands};
use crate::progress::Watched;

/// Failures shown by name.
const SHOWN: usize = 10;

/// What the API tells of a collection, as far as commands need it.
#[derive(Debug, Deserialize)]
pub struct CollectionView {
    pub id: semantik_core::id::CollectionId,
    pub name: String,
    pub description: String,
    pub status: String,
    pub counts: CollectionCounts,
    pub model: String,
    pub dimensions: usize,
    #[serde(default)]
    pub formats: Vec<FormatCount>,
}

/// Documents of one state and format.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FormatCount {
    pub status: String,
    pub mime: Option<String>,
    pub count: u64,
}

/// A page of documents.
#[derive(Debug, Deserialize)]
pub struct Documents {
    pub items: Vec<Document>,
}

/// Documents by state.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct ByState {
    pub completed: u64,
    pub failed: u64,
    pub skipped: u64,
    pub pending: u64,
}

#[derive(Serialize)]
struct Summary<'a> {
    operation: OperationId,
    collection: &'a str,
    status: OperationStatus,
    documents: ByState,
    formats: &'a [FormatCount],
    chunks: u64,
    points: u64,
    seconds: f64,
}

/// Prints the summary and returns the counts.
pub async fn tell(
    context: &Context,
    client: &Client,
    collection: &str,
    watched: &Watched,
) -> Result<ByState, CliError> {
    let key = encode(collection);
    let view: CollectionView = client.get(&format!("/collections/{key}")).await?;
    let c = &view.counts;
    let documents =
        ByState { completed: c.completed, failed: c.failed, skipped: c.skipped, pending: c.pending + c.processing };
    if context.out.json {
        context.out.document(&Summary {
            operation: watched.operation.id,
            collection: &view.name,
            status: watched.operation.status,
            documents,
            formats: &view.formats,
            chunks: c.chunks,
            points: c.indexed_chunks,
            seconds: watched.seconds,
        });
        return Ok(documents);
    }
    let failed: Documents = if c.failed > 0 {
        client.get(&format!("/collections/{key}/documents?status=failed&limit={SHOWN}")).await?
    } else {
        Documents { items: Vec::new() }
    };
    print(context, &view, documents, watched, &failed.items);
    Ok(documents)
}

fn print(context: &Context, view: &CollectionView, documents: ByState, watched: &Watched, failed: &[Document]) {
    let (out, style) = (&context.out, context.out.style);
    if out.quiet {
        return;
    }
    out.line(format_args!(
        "{} {}: {} documents searchable, {} passages, in {}",
        style.bold(&view.name),
        watched.operation.status,
        thousands(documents.completed),
        thousands(view.counts.indexed_chunks),
        duration(watched.seconds)
    ));
    for (count, text) in [
        (documents.failed, style.red("failed")),
        (documents.skipped, "skipped by rule".to_owned()),
        (documents.pending, "still to do".to_owned()),
    ] {
        if count > 0 {
            out.line(format_args!("  {} {text}", thousands(count)));
        }
    }
    out.line("");
    out.table(&format_rows(&view.formats));
    if !failed.is_empty() {
        out.line(format_args!("\nfailed ({} of {}):", failed.len(), thousands(documents.failed)));
        for document in failed {
            out.line(format_args!("  {}  {}", printable(&document.uri), style.dim(&reason(document))));
        }
        out.line(format_args!("  try them again: semantik documents retry-failed {}", view.name));
    }
    if documents.completed > 0 {
        let scope = if view.name == "documents" { String::new() } else { format!(" --collection {}", view.name) };
        out.line(format_args!(
            "\nNow search it:\n  {}",
            style.cyan(&format!("semantik search \"what you are looking for\"{scope}"))
        ));
    }
}

/// The table of formats: one row per type, one column per state.
pub fn format_rows(formats: &[FormatCount]) -> Vec<Vec<String>> {
    use std::collections::BTreeMap;
    let mut by_mime: BTreeMap<&str, BTreeMap<&str, u64>> = BTreeMap::new();
    for format in formats {
        *by_mime.entry(format.mime.as_deref().unwrap_or("unknown")).or_default().entry(&format.status).or_default() +=
            format.count;
    }
    let mut rows: Vec<_> = by_mime.into_iter().collect();
    rows.sort_by_key(|(mime, states)| (std::cmp::Reverse(states.values().sum::<u64>()), *mime));
    let mut table = vec![["format", "completed", "failed", "skipped", "other"].map(str::to_owned).to_vec()];
    for (mime, states) in rows {
        let count = |name: &str| states.get(name).copied().unwrap_or(0);
        let (completed, failed, skipped) = (count("completed"), count("failed"), count("skipped"));
        let other = states.values().sum::<u64>() - completed - failed - skipped;
        let mut row = vec![mime.to_owned()];
        row.extend([completed, failed, skipped, other].map(|n| if n == 0 { "·".to_owned() } else { thousands(n) }));
        table.push(row);
    }
    table
}

/// Why a document is not searchable, in one line.
pub fn reason(document: &Document) -> String {
    match &document.reason {
        Some(Reason::Failed { code, message }) => format!("{code}: {}", printable(message)),
        Some(Reason::Skipped { policy, message }) => format!("{policy}: {}", printable(message)),
        None => String::new(),
    }
}
