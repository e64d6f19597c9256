//! `semantik search`: a question, and the passages that answer it.

use clap::{Args, ValueEnum};
use semantik_core::Timestamp;
use semantik_core::search::{Filter, Hit, SearchMode, SearchRequest, SearchResponse};

use crate::context::Context;
use crate::error::{CliError, Exit};
use crate::output::{Output, printable};
use crate::passage;

const EXAMPLES: &str = "\
Examples:
  semantik search \"where did we agree on the price\"
  semantik search invoice 2024-113 --mode lexical          exact words and numbers
  semantik search \"notice period\" --mime application/pdf --modified-after 2024-01-01
  semantik search \"error handling\" --path-prefix src/ --group --limit 5
  semantik search \"warranty\" --json | jq '.hits[].uri'";

/// Arguments of `search`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct SearchArgs {
    /// What you are looking for, as a question or as words
    #[arg(value_name = "QUERY", required = true, num_args = 1..)]
    query: Vec<String>,
    /// By meaning (dense), by words (lexical), or both
    #[arg(short, long, value_enum, default_value_t = Mode::Hybrid)]
    mode: Mode,
    /// Passages (or documents with --group) to show, 1-100
    #[arg(short = 'n', long, default_value_t = 10, value_name = "N")]
    limit: usize,
    /// Passages to leave out at the front
    #[arg(long, default_value_t = 0, value_name = "N")]
    offset: usize,
    /// Only in this collection (may be repeated)
    #[arg(short, long, value_name = "NAME")]
    collection: Vec<String>,
    /// Only documents whose path below the folder begins so
    #[arg(long, value_name = "PATH")]
    path_prefix: Option<String>,
    /// Only this type, for example application/pdf or text/* (may be repeated)
    #[arg(long, value_name = "TYPE")]
    mime: Vec<String>,
    /// Only documents changed at or after this moment (YYYY-MM-DD or RFC 3339, UTC)
    #[arg(long, value_name = "DATE", value_parser = parse_date)]
    modified_after: Option<Timestamp>,
    /// Only documents changed before this moment
    #[arg(long, value_name = "DATE", value_parser = parse_date)]
    modified_before: Option<Timestamp>,
    /// Only documents with this tag (may be repeated; all must be there)
    #[arg(long, value_name = "TAG")]
    tag: Vec<String>,
    /// One entry per document
    #[arg(short, long)]
    group: bool,
    /// Let a cross-encoder read the best candidates again, or not [default: where RERANK_MODEL is set]
    #[arg(long, value_name = "YES_OR_NO", num_args = 0..=1, default_missing_value = "true", value_parser = clap::builder::BoolishValueParser::new())]
    rerank: Option<bool>,
    /// Tell ranks, scores and times
    #[arg(long)]
    explain: bool,
    /// Show whole passages instead of the lines around the match
    #[arg(long)]
    full: bool,
}

/// The modes as words on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    Dense,
    Lexical,
    Hybrid,
}

impl From<Mode> for SearchMode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Dense => Self::Dense,
            Mode::Lexical => Self::Lexical,
            Mode::Hybrid => Self::Hybrid,
        }
    }
}

pub async fn run(context: &Context, args: SearchArgs) -> Result<Exit, CliError> {
    let request = SearchRequest {
        collections: args.collection.clone(),
        mode: args.mode.into(),
        limit: args.limit,
        offset: args.offset,
        group_by_document: args.group,
        filter: Filter {
            documents: Vec::new(),
            path_prefix: args.path_prefix.clone(),
            mime: args.mime.clone(),
            modified_after: args.modified_after,
            modified_before: args.modified_before,
            tags: args.tag.clone(),
        },
        explain: args.explain,
        rerank: args.rerank,
        ..SearchRequest::new(args.query.join(" "))
    };
    let client = context.client().await?;
    let answer: Result<SearchResponse, CliError> = client.post("/search", &request).await;
    client.close().await;
    let answer = answer?;
    if context.out.json {
        context.out.document(&answer);
        return Ok(Exit::Ok);
    }
    for notice in &answer.notices {
        context.out.warn(printable(notice));
    }
    for (number, hit) in answer.hits.iter().enumerate() {
        show(&context.out, request.offset + number + 1, hit, args.full);
    }
    epilogue(context, &args, &answer);
    Ok(Exit::Ok)
}

fn show(out: &Output, number: usize, hit: &Hit, full: bool) {
    let style = out.style;
    let page = hit.page.map(|page| format!(", page {page}")).unwrap_or_default();
    let name = printable(hit.title.as_deref().filter(|title| !title.trim().is_empty()).unwrap_or(&hit.name));
    out.line(format_args!(
        "{} {}{page}  {}",
        style.dim(&format!("{number:>2}.")),
        style.bold(&name),
        style.dim(&format!("{:.4}", hit.score))
    ));
    out.line(format_args!("    {}", style.cyan(&printable(&hit.uri))));
    if let Some(context) = hit.context.as_deref().filter(|context| !context.is_empty()) {
        out.line(format_args!("    {}", style.dim(&printable(context))));
    }
    passage_lines(out, hit, full);
    explain(out, hit);
    for more in &hit.more {
        let page = more.page.map(|page| format!("page {page}, ")).unwrap_or_default();
        out.line(format_args!("    {}", style.dim(&format!("also: {page}{:.4}", more.score))));
        passage_lines(out, more, full);
    }
    out.line("");
}

fn passage_lines(out: &Output, hit: &Hit, full: bool) {
    let spans: Vec<(usize, usize)> = hit.highlights.iter().map(|span| (span.start, span.end)).collect();
    let lines = if full { usize::MAX } else { 4 };
    for line in passage::lines(&hit.text, &spans, out.width() - 4, lines, out.style) {
        out.line(format_args!("    {line}"));
    }
}

fn explain(out: &Output, hit: &Hit) {
    let Some(explain) = &hit.explain else { return };
    let leg = |name: &str, leg: Option<semantik_core::search::Leg>| match leg {
        Some(leg) => format!("{name} rank {} score {:.4}", leg.rank, leg.score),
        None => format!("{name} not found"),
    };
    let mut text = format!("{}; {}; {}", leg("dense", explain.dense), leg("lexical", explain.lexical), explain.fusion);
    if let Some(score) = explain.rerank {
        text += &format!("; rerank score {score:.4}");
    }
    out.line(format_args!("    {}", out.style.dim(&text)));
}

fn epilogue(context: &Context, args: &SearchArgs, answer: &SearchResponse) {
    let out = &context.out;
    if answer.hits.is_empty() {
        out.line("Nothing found.");
        out.note("Try other words, --mode dense (by meaning), fewer conditions, or `semantik collections list` to see what is indexed.");
        return;
    }
    let t = &answer.timing;
    if args.explain {
        out.note(format_args!(
            "{}: embed {:.1} ms, filter {:.1} ms, dense {:.1} ms, lexical {:.1} ms, rerank {:.1} ms, fetch {:.1} ms, total {:.1} ms",
            answer.mode, t.embed_ms, t.filter_ms, t.dense_ms, t.lexical_ms, t.rerank_ms, t.fetch_ms, t.total_ms
        ));
    } else {
        out.note(out.style.dim(&format!(
            "{} results, {} search, {:.0} ms",
            answer.hits.len(),
            answer.mode,
            t.total_ms
        )));
    }
}

/// `YYYY-MM-DD` (midnight UTC) or RFC 3339, as milliseconds.
fn parse_date(text: &str) -> Result<Timestamp, String> {
    use time::format_description::well_known::{Iso8601, Rfc3339};
    let moment = time::OffsetDateTime::parse(text, &Rfc3339).ok().or_else(|| {
        let date = time::Date::parse(text, &Iso8601::DATE).ok()?;
        Some(date.midnight().assume_utc())
    });
    let moment = moment.ok_or_else(|| format!("`{text}` is not a date such as 2024-05-31 or 2024-05-31T08:00:00Z"))?;
    i64::try_from(moment.unix_timestamp_nanos() / 1_000_000).map_err(|_| format!("`{text}` is out of range"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_days_or_moments() {
        assert_eq!(parse_date("1970-01-02"), Ok(86_400_000));
        assert_eq!(parse_date("1970-01-01T00:00:01Z"), Ok(1000));
        assert_eq!(parse_date("1970-01-01T01:00:00+01:00"), Ok(0));
        assert!(parse_date("yesterday").is_err());
    }
}
