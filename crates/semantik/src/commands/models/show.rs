//! What models there are, and what is known of one.

use semantik_inference::InferenceError;
use semantik_inference::local::{ModelFacts, PoolingSource, PrefixSource, facts, weights_hash};
use semantik_inference::models::{CATALOGUE, CachedModel, CatalogueEntry, ModelCache, Prefixes};
use serde_json::{Value, json};

use super::model_error;
use crate::context::Context;
use crate::error::{CliError, Exit};
use crate::output::{Output, size};
use crate::quality::{Quality, kept};

/// Models on this machine and those known, one per row.
pub fn list(context: &Context, cache: &ModelCache) -> Result<Exit, CliError> {
    let models = cache.list().map_err(model_error)?;
    if context.out.json {
        let items: Vec<Value> = models.iter().map(described).collect();
        context.out.document(&json!({ "items": items, "known": CATALOGUE }));
        return Ok(Exit::Ok);
    }
    let head = ["model", "kind", "dimensions", "context", "languages", "licence", "size", "state"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(models.iter().map(cached_row));
    let rest = CATALOGUE.iter().filter(|entry| models.iter().all(|model| model.manifest.name != entry.name));
    rows.extend(rest.map(|entry| known_row(entry, None)));
    context.out.table(&rows);
    let used = &context.config.embedding.model;
    context.out.line(format_args!("\nused: {used}; more about one: semantik models info NAME"));
    Ok(Exit::Ok)
}

fn described(model: &CachedModel) -> Value {
    match facts(&model.folder) {
        Ok(facts) => {
            json!({ "manifest": model.manifest, "folder": model.folder, "bytes": model.bytes, "facts": facts })
        }
        Err(error) => {
            json!({ "manifest": model.manifest, "folder": model.folder, "bytes": model.bytes, "problem": error.to_string() })
        }
    }
}

fn entry_of(name: &str) -> Option<&'static CatalogueEntry> {
    CATALOGUE.iter().find(|entry| entry.name == name)
}

fn known_row(entry: &CatalogueEntry, bytes: Option<u64>) -> Vec<String> {
    let weights = entry.weights_mb.map_or_else(|| "unknown".to_owned(), |mb| format!("{mb} MB"));
    vec![
        entry.name.into(),
        entry.kind.as_str().into(),
        dimensions(entry),
        entry.max_tokens.to_string(),
        entry.languages.into(),
        entry.license.into(),
        bytes.map_or(weights, size),
        if bytes.is_some() { "here".into() } else { "not here".into() },
    ]
}

fn cached_row(model: &CachedModel) -> Vec<String> {
    let name = &model.manifest.name;
    if let Some(entry) = entry_of(name) {
        return known_row(entry, Some(model.bytes));
    }
    let unknown = || "unknown".to_owned();
    let [kind, dimensions, context, state] = match facts(&model.folder) {
        Ok(facts) => [
            facts.kind.as_str().to_owned(),
            facts.dimensions.to_string(),
            facts.max_tokens.to_string(),
            "here".to_owned(),
        ],
        Err(_) => [unknown(), unknown(), unknown(), "unusable".to_owned()],
    };
    vec![name.clone(), kind, dimensions, context, unknown(), unknown(), size(model.bytes), state]
}

fn dimensions(entry: &CatalogueEntry) -> String {
    match entry.shorter.last() {
        Some(least) => format!("{} to {least}", entry.dimensions),
        None => entry.dimensions.to_string(),
    }
}

/// Everything known about `name`.
pub fn info(context: &Context, cache: &ModelCache, name: &str) -> Result<Exit, CliError> {
    let model = cache.list().map_err(model_error)?.into_iter().find(|model| model.manifest.name == name);
    let entry = entry_of(name);
    if model.is_none() && entry.is_none() {
        return Err(model_error(InferenceError::NotFound { name: name.into() }));
    }
    let facts = model.as_ref().map(|model| facts(&model.folder));
    let quality = model.as_ref().and_then(|model| kept(&model.folder, &weights_hash(&model.folder).ok()?));
    let out = &context.out;
    if out.json {
        let problem = facts.as_ref().and_then(|facts| facts.as_ref().err()).map(ToString::to_string);
        let facts = facts.and_then(Result::ok);
        out.document(&json!({ "name": name, "known": entry, "cached": model, "facts": facts, "problem": problem, "quality": quality }));
        return Ok(Exit::Ok);
    }
    out.line(out.style.bold(name));
    if let Some(entry) = entry {
        print_entry(out, entry);
    }
    let Some(model) = model else {
        out.line(format_args!("not on this machine; obtain it: semantik models pull {name}"));
        return Ok(Exit::Ok);
    };
    let source = &model.manifest.source;
    out.line(format_args!(
        "in {} ({}), from {source}, {}",
        model.folder.display(),
        size(model.bytes),
        model.manifest.revision
    ));
    for (file, hash) in &model.manifest.files {
        out.line(format_args!("  {hash}  {file}"));
    }
    match facts {
        Some(Ok(facts)) => {
            print_facts(out, &facts);
            print_quality(out, name, quality.as_ref(), &facts);
        }
        Some(Err(error)) => out.line(format_args!("it cannot be used: {error}")),
        None => {}
    }
    Ok(Exit::Ok)
}

fn print_entry(out: &Output, entry: &CatalogueEntry) {
    out.line(format_args!("{} model, languages: {}, licence {}", entry.kind.as_str(), entry.languages, entry.license));
    let weights = entry.weights_mb.map_or_else(String::new, |mb| format!(", {mb} MB to download"));
    out.line(format_args!("{} million weights{weights}, family {}", entry.parameters_m, entry.family));
    if entry.pooling.is_empty() {
        out.line(format_args!("at most {} tokens for query and passage together", entry.max_tokens));
    } else {
        let shorter: Vec<String> = entry.shorter.iter().map(ToString::to_string).collect();
        let shorter = if shorter.is_empty() { String::new() } else { format!(" (also {})", shorter.join(", ")) };
        out.line(format_args!("{} dimensions{shorter}, at most {} tokens", entry.dimensions, entry.max_tokens));
        let prefixes = entry.prefixes.map(Prefixes::from).unwrap_or_default();
        out.line(format_args!("written before queries {:?}, before passages {:?}", prefixes.query, prefixes.passage));
    }
    if let Some(advice) = entry.advice {
        out.line(format_args!("choose it for: {advice}"));
    }
}

fn print_facts(out: &Output, facts: &ModelFacts) {
    let ModelFacts { family, layers, dimensions, max_tokens, vocabulary, .. } = facts;
    out.line(format_args!("as it is here: {family} of {layers} layers, {vocabulary} tokens in its vocabulary"));
    let Some(pooling) = facts.pooling else {
        out.line(format_args!("  a reranker for at most {max_tokens} tokens"));
        return;
    };
    out.line(format_args!("  {dimensions} dimensions, at most {max_tokens} tokens"));
    let source = match facts.pooling_source {
        PoolingSource::Folder => "as its folder says",
        PoolingSource::Catalogue => "as the catalogue says, its folder does not",
        PoolingSource::Assumed => "assumed, as most of its family; its folder has no 1_Pooling/config.json",
    };
    out.line(format_args!("  pooling {pooling}: {source}"));
    let source = match facts.prefix_source {
        PrefixSource::Owner => "as you set it".to_owned(),
        PrefixSource::Folder => "as its folder says".to_owned(),
        PrefixSource::Rule(rule) => format!("the rule for {rule}"),
        PrefixSource::None => "neither its folder nor a rule says anything".to_owned(),
    };
    let Prefixes { query, passage } = &facts.prefixes;
    out.line(format_args!("  written before queries {query:?}, before passages {passage:?}: {source}"));
}

/// Figures come from a measurement only.
fn print_quality(out: &Output, name: &str, quality: Option<&Quality>, facts: &ModelFacts) {
    match quality {
        Some(quality) => print_measured(out, quality),
        None if facts.pooling.is_some() => {
            out.line(format_args!(
                "quality and speed of its precisions: not measured; measure: semantik models measure {name}"
            ));
        }
        None => {}
    }
}

/// A measurement, for people.
pub fn print_measured(out: &Output, quality: &Quality) {
    let day = time::OffsetDateTime::from_unix_timestamp(quality.measured_at).map(|at| at.date().to_string());
    out.line(format_args!(
        "measured {} by version {} on {}, {} threads, {} passages of {}",
        day.unwrap_or_default(),
        quality.version,
        quality.cpu,
        quality.threads,
        quality.passages,
        quality.texts
    ));
    // The machine had other work: its times are no measure of the model.
    if let Some(busy) = quality.busy.filter(|busy| *busy >= 1.0) {
        out.line(format_args!(
            "the machine was busy (load {busy:.1}) when this began; measure again for times that count"
        ));
    }
    out.table(&quality.table());
}
