//! `POST /embed`: our own shape, and that of text-embeddings-inference; the body's fields tell which.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use semantik_app::vecpipe::{EmbedRequest, Purpose, TooLong, Vecpipe};
use semantik_core::collection::Quantization;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::bodies::Raw;
use super::embed_tei;
use super::made::Made;
use super::texts::Texts;
use crate::error::Problem;

/// Enough of a body to tell whose it is.
#[derive(Deserialize)]
struct Peek {
    inputs: Option<IgnoredAny>,
}

/// Our own shape.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    texts: Texts,
    model: Option<String>,
    #[serde(default)]
    purpose: Aim,
    quantization: Option<Quantization>,
    dimensions: Option<usize>,
    /// Whether a text that is too long is cut; it is refused otherwise.
    #[serde(default = "yes")]
    truncate: bool,
}

/// What the texts are for.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Aim {
    Query,
    #[default]
    Passage,
}

#[derive(Serialize)]
struct View {
    embeddings: Vec<Vec<f32>>,
    model: String,
    quantization: Quantization,
    dimensions: usize,
}

fn yes() -> bool {
    true
}

pub(super) async fn embed(State(vecpipe): State<Vecpipe>, body: Raw) -> Response {
    // What is no object at all is told by the stricter reader.
    if body.json::<Peek>().is_ok_and(|peek| peek.inputs.is_some()) {
        return embed_tei::embed(&vecpipe, &body).await;
    }
    match own(&vecpipe, &body).await {
        Ok((made, view)) => (made, axum::Json(view)).into_response(),
        Err(problem) => problem.into_response(),
    }
}

async fn own(vecpipe: &Vecpipe, body: &Raw) -> Result<(Made, View), Problem> {
    let body: Body = body.json()?;
    let request = EmbedRequest {
        model: body.model,
        quantization: body.quantization,
        purpose: match body.purpose {
            Aim::Query => Purpose::Query,
            Aim::Passage => Purpose::Passage,
        },
        dimensions: body.dimensions,
        too_long: if body.truncate { TooLong::Cut } else { TooLong::Refuse },
        ..EmbedRequest::new(body.texts.plain("texts")?)
    };
    let dimensions = request.dimensions;
    let made = vecpipe.embed(request).await?;
    let view = View {
        embeddings: made.vectors,
        dimensions: dimensions.unwrap_or(made.model.dimensions),
        quantization: made.model.quantization,
        model: made.model.name.clone(),
    };
    Ok((Made(made.model), view))
}
