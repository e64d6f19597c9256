//! `semantik eval`: how good search is on judged queries.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use clap::Args;
use semantik_core::search::{SearchMode, SearchRequest, SearchResponse};
use semantik_core::source::DirectorySource;
use serde::Serialize;

use crate::client::Client;
use crate::commands::search::Mode;
use crate::commands::{collections, index};
use crate::context::Context;
use crate::error::{CliError, Exit, io_error};
use crate::eval::cranfield;
use crate::eval::judged::{self, Query};
use crate::eval::metrics::{Figures, Grades, Mean, judge};

/// Depth of a ranking; the most hits a search may ask for.
const DEPTH: usize = 100;
/// The most characters a query may have.
const QUERY_CHARS: usize = 1000;

const EXAMPLES: &str = "\
Examples:
  semantik eval ./corpus --queries queries.tsv --qrels qrels.txt
  semantik eval cran.all.1400 --queries cran.qry --qrels QRelsCorrectedforTRECeval --cranfield

Queries: id<TAB>text, JSON Lines with id and text, or .I/.W records. Judgements: `query document
grade`, or TREC's `query 0 document grade`; a document is named by its file name without the ending.
Figures are trec_eval's (linear gains), over the queries that have a relevant document; intervals
are 95% bootstrap over queries, 1000 resamples, fixed seed.";

/// Arguments of `eval`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct EvalArgs {
    /// The folder of documents (with --cranfield also the one file of all records)
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
    #[arg(long, value_name = "FILE")]
    queries: PathBuf,
    #[arg(long, value_name = "FILE")]
    qrels: PathBuf,
    /// Modes to compare
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Mode::Dense, Mode::Lexical, Mode::Hybrid])]
    modes: Vec<Mode>,
    /// The collection to index into [default: eval-<name of the folder>]
    #[arg(short, long, value_name = "NAME")]
    collection: Option<String>,
    /// Keep the collection, so that the next run is quick
    #[arg(long)]
    keep: bool,
    /// Cranfield's conventions: queries by position, grades 1 (best) to 4, 5 and -1 not relevant
    #[arg(long)]
    cranfield: bool,
    /// With --cranfield: take grades as written, higher is better (some copies are turned round already)
    #[arg(long, requires = "cranfield")]
    raw_grades: bool,
    /// Also write each ranking to this folder as TREC run files
    #[arg(long, value_name = "DIR")]
    runs: Option<PathBuf>,
}

#[derive(Serialize)]
struct Report {
    collection: String,
    documents: u64,
    queries: usize,
    modes: Vec<ModeReport>,
}

#[derive(Serialize)]
struct ModeReport {
    mode: SearchMode,
    ndcg_10: Mean,
    map: Mean,
    recall_100: Mean,
    mrr_10: Mean,
    mean_ms: f64,
}

/// Queries with their judgements, in order.
struct Judged {
    queries: Vec<(Query, Grades)>,
}

pub async fn run(context: &Context, args: EvalArgs) -> Result<Exit, CliError> {
    let judged = read(&args)?;
    let collection = args.collection.clone().unwrap_or_else(|| default_name(&args.folder));
    let client = context.client().await?;
    let result = evaluate(context, &client, &args, &collection, &judged).await;
    client.close().await;
    let report = result?;
    if context.out.json {
        context.out.document(&report);
    } else {
        print(context, &report);
    }
    Ok(Exit::Ok)
}

fn read(args: &EvalArgs) -> Result<Judged, CliError> {
    let load = |path: &Path| {
        let bytes = std::fs::read(path).map_err(|e| io_error(&format!("cannot read {}", path.display()), &e))?;
        Ok::<_, CliError>(String::from_utf8_lossy(&bytes).into_owned())
    };
    let mut queries = judged::queries(&load(&args.queries)?)?;
    let mut judgements = judged::judgements(&load(&args.qrels)?)?;
    if args.cranfield {
        cranfield::number_by_position(&mut queries);
        if !args.raw_grades {
            cranfield::codes_to_gains(&mut judgements);
        }
    }
    Ok(Judged { queries: join(queries, judgements)? })
}

/// Queries without a relevant document say nothing and are left out.
fn join(queries: Vec<Query>, mut judgements: HashMap<String, Grades>) -> Result<Vec<(Query, Grades)>, CliError> {
    let joined: Vec<(Query, Grades)> = queries
        .into_iter()
        .filter_map(|query| {
            let grades = judgements.remove(&query.id).filter(|grades| grades.values().any(|grade| *grade > 0.0))?;
            Some((query, grades))
        })
        .collect();
    if joined.is_empty() {
        return Err(CliError::usage("no query has a relevant document")
            .hint("do the query ids of both files agree? Cranfield's need --cranfield"));
    }
    Ok(joined)
}

fn default_name(folder: &Path) -> String {
    let name = folder.file_name().map_or_else(|| "corpus".into(), |name| name.to_string_lossy().into_owned());
    format!("eval-{name}")
}

async fn evaluate(
    context: &Context,
    client: &Client,
    args: &EvalArgs,
    collection: &str,
    judged: &Judged,
) -> Result<Report, CliError> {
    let split = context.config.data_dir.join("eval").join(collection.replace('/', "_"));
    let folder = if args.folder.is_file() && args.cranfield {
        cranfield::split(&args.folder, &split)?;
        &split
    } else {
        &args.folder
    };
    let made_here = index::ensure_collection(client, collection).await?;
    let result = measure(context, client, args, collection, folder, judged).await;
    if made_here && !args.keep {
        collections::delete_and_wait(context, client, collection).await?;
        // It is not there unless the corpus was one file.
        let _ = std::fs::remove_dir_all(&split);
    }
    result
}

async fn measure(
    context: &Context,
    client: &Client,
    args: &EvalArgs,
    collection: &str,
    folder: &Path,
    judged: &Judged,
) -> Result<Report, CliError> {
    let source =
        DirectorySource { path: index::folder_uri(folder)?, include: Vec::new(), exclude: Vec::new(), hidden: false };
    let operation = index::start(client, collection, source).await?;
    index::follow(context, client, collection, &operation).await?.into_result()?;
    let view: crate::summary::CollectionView =
        client.get(&format!("/collections/{}", crate::client::encode(collection))).await?;
    if view.counts.completed == 0 {
        return Err(CliError::usage(format!("{} holds no readable document", folder.display())));
    }
    let mut modes = Vec::new();
    for mode in &args.modes {
        context.out.note(format_args!("{} queries, {} …", judged.queries.len(), SearchMode::from(*mode)));
        modes.push(measure_mode(client, args, collection, (*mode).into(), judged).await?);
    }
    Ok(Report {
        collection: collection.to_owned(),
        documents: view.counts.completed,
        queries: judged.queries.len(),
        modes,
    })
}

async fn measure_mode(
    client: &Client,
    args: &EvalArgs,
    collection: &str,
    mode: SearchMode,
    judged: &Judged,
) -> Result<ModeReport, CliError> {
    let mut figures: Vec<Figures> = Vec::with_capacity(judged.queries.len());
    let mut run = String::new();
    let mut total_ms = 0.0;
    for (query, grades) in &judged.queries {
        let request = SearchRequest {
            collections: vec![collection.to_owned()],
            mode,
            limit: DEPTH,
            group_by_document: true,
            ..SearchRequest::new(query.text.chars().take(QUERY_CHARS).collect::<String>())
        };
        let answer: SearchResponse = client.post("/search", &request).await?;
        if answer.mode != mode {
            let why = answer.notices.join("; ");
            return Err(CliError::internal(format!("asked for {mode}, answered by {}: {why}", answer.mode)));
        }
        total_ms += answer.timing.total_ms;
        let ranking = ranking(&answer);
        for (rank, document) in ranking.iter().enumerate() {
            run.push_str(&format!("{} Q0 {document} {} {} {mode}\n", query.id, rank + 1, DEPTH - rank));
        }
        figures.push(judge(&ranking, grades));
    }
    if let Some(dir) = &args.runs {
        let path = dir.join(format!("{mode}.run"));
        let written = std::fs::create_dir_all(dir).and_then(|()| std::fs::write(&path, run));
        written.map_err(|e| io_error(&format!("cannot write {}", path.display()), &e))?;
    }
    let mean = |figure: fn(&Figures) -> f64| Mean::of(&figures.iter().map(figure).collect::<Vec<_>>());
    Ok(ModeReport {
        mode,
        ndcg_10: mean(|f| f.ndcg_10),
        map: mean(|f| f.average_precision),
        recall_100: mean(|f| f.recall_100),
        mrr_10: mean(|f| f.reciprocal_rank_10),
        mean_ms: total_ms / figures.len() as f64,
    })
}

/// Documents best first, by file name without the ending; each once.
fn ranking(answer: &SearchResponse) -> Vec<String> {
    let mut ranking: Vec<String> = Vec::with_capacity(answer.hits.len());
    for hit in &answer.hits {
        let stem = Path::new(&hit.name)
            .file_stem()
            .map_or_else(|| hit.name.clone(), |stem| stem.to_string_lossy().into_owned());
        if !ranking.contains(&stem) {
            ranking.push(stem);
        }
    }
    ranking
}

fn print(context: &Context, report: &Report) {
    let out = &context.out;
    out.line(format_args!("{} documents, {} judged queries\n", report.documents, report.queries));
    let mut rows = vec![["mode", "nDCG@10", "MAP", "Recall@100", "MRR@10", "ms/query"].map(str::to_owned).to_vec()];
    for mode in &report.modes {
        let mut row = vec![mode.mode.to_string()];
        row.extend(
            [mode.ndcg_10, mode.map, mode.recall_100, mode.mrr_10]
                .map(|m| format!("{:.4} [{:.4}, {:.4}]", m.mean, m.low, m.high)),
        );
        row.push(format!("{:.1}", mode.mean_ms));
        rows.push(row);
    }
    out.table(&rows);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_without_a_relevant_document_are_left_out() {
        let query = |id: &str| Query { id: id.into(), text: "x".into() };
        let judgements = judged::judgements("1 d 1\n2 d 0").expect("valid");
        let joined = join(vec![query("1"), query("2"), query("3")], judgements).expect("one is left");
        assert_eq!(joined.len(), 1);
        assert!(join(vec![query("9")], HashMap::new()).is_err());
    }
}
