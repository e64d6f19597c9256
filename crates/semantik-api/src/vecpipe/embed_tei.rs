//! `POST /embed` as text-embeddings-inference answers it.

use axum::response::{IntoResponse, Response};
use semantik_app::vecpipe::{EmbedRequest, Embedded, Purpose, TooLong, Vecpipe};
use serde::Deserialize;

use super::bodies::Raw;
use super::dialect::{Tei, tei_empty};
use super::made::Made;
use super::texts::Texts;
use crate::error::Problem;

/// The fields we know; others are left alone, as that server does.
#[derive(Deserialize)]
struct Body {
    inputs: Texts,
    #[serde(default)]
    normalize: Option<bool>,
    #[serde(default)]
    truncate: Option<bool>,
    #[serde(default)]
    truncation_direction: Option<String>,
    #[serde(default)]
    prompt_name: Option<String>,
    #[serde(default)]
    dimensions: Option<usize>,
}

pub(super) async fn embed(vecpipe: &Vecpipe, body: &Raw) -> Response {
    let body: Body = match body.json() {
        Ok(body) => body,
        Err(problem) => return Tei(problem).into_response(),
    };
    if body.inputs.is_empty() {
        return tei_empty("inputs");
    }
    match run(vecpipe, body).await {
        Ok(made) => (Made(made.model), axum::Json(made.vectors)).into_response(),
        Err(problem) => Tei(problem).into_response(),
    }
}

async fn run(vecpipe: &Vecpipe, body: Body) -> Result<Embedded, Problem> {
    if body.normalize == Some(false) {
        return Err(Problem::invalid("`normalize` is false, but vectors always have length 1 here"));
    }
    let request = EmbedRequest {
        purpose: purpose("prompt_name", body.prompt_name.as_deref())?,
        dimensions: body.dimensions,
        too_long: too_long(body.truncate, body.truncation_direction.as_deref())?,
        ..EmbedRequest::new(body.inputs.plain("inputs")?)
    };
    Ok(vecpipe.embed(request).await?)
}

/// Names of prompts as sentence-transformers models use them.
pub(super) fn purpose(field: &str, prompt: Option<&str>) -> Result<Purpose, Problem> {
    match prompt {
        Some("query") => Ok(Purpose::Query),
        None | Some("passage" | "document") => Ok(Purpose::Passage),
        Some(other) => {
            Err(Problem::invalid(format!("`{field}` is `{other}`, but must be `query`, `passage` or `document`")))
        }
    }
}

/// That server refuses what is too long unless told otherwise, and cuts at either end.
pub(super) fn too_long(truncate: Option<bool>, direction: Option<&str>) -> Result<TooLong, Problem> {
    let right = direction.is_none_or(|direction| direction.eq_ignore_ascii_case("right"));
    match (truncate.unwrap_or(false), right) {
        (false, _) => Ok(TooLong::Refuse),
        (true, true) => Ok(TooLong::Cut),
        (true, false) => Err(Problem::invalid("texts can be cut at their end only: `truncation_direction` is `Right`")),
    }
}
