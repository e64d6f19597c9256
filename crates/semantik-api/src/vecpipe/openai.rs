//! `POST /v1/embeddings` and `GET /v1/models`, as OpenAI answers them.

use axum::Json;
use axum::extract::State;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use semantik_app::vecpipe::{EmbedRequest, Vecpipe};
use serde::{Deserialize, Serialize};

use super::bodies;
use super::embed_tei::purpose;
use super::made::Made;
use super::texts::Texts;
use crate::error::Problem;

/// The fields we know; others (`user`) are left alone.
#[derive(Deserialize)]
pub(super) struct Body {
    input: Texts,
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    encoding_format: Format,
    #[serde(default)]
    dimensions: Option<usize>,
    /// Not OpenAI's: what the texts are for, as NVIDIA's servers of this dialect name it.
    #[serde(default)]
    input_type: Option<String>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Format {
    #[default]
    Float,
    Base64,
}

#[derive(Serialize)]
pub(super) struct View {
    object: &'static str,
    data: Vec<Row>,
    model: String,
    usage: Usage,
}

#[derive(Serialize)]
struct Row {
    object: &'static str,
    index: usize,
    embedding: Numbers,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Numbers {
    Floats(Vec<f32>),
    Base64(String),
}

#[derive(Serialize)]
struct Usage {
    prompt_tokens: usize,
    total_tokens: usize,
}

#[derive(Serialize)]
pub(super) struct Models {
    object: &'static str,
    data: Vec<Model>,
}

#[derive(Serialize)]
struct Model {
    id: String,
    object: &'static str,
    created: u64,
    owned_by: &'static str,
}

pub(super) async fn embeddings(
    State(vecpipe): State<Vecpipe>,
    bodies::Json(body): bodies::Json<Body>,
) -> Result<(Made, Json<View>), Problem> {
    let request = EmbedRequest {
        model: body.model,
        dimensions: body.dimensions,
        purpose: purpose("input_type", body.input_type.as_deref())?,
        count: true,
        ..EmbedRequest::new(body.input.plain("input")?)
    };
    let made = vecpipe.embed(request).await?;
    let row = |(index, vector)| Row { object: "embedding", index, embedding: body.encoding_format.write(vector) };
    let tokens = made.tokens.unwrap_or_default();
    let view = View {
        object: "list",
        data: made.vectors.into_iter().enumerate().map(row).collect(),
        model: made.model.name.clone(),
        usage: Usage { prompt_tokens: tokens, total_tokens: tokens },
    };
    Ok((Made(made.model), Json(view)))
}

impl Format {
    fn write(self, vector: Vec<f32>) -> Numbers {
        match self {
            Self::Float => Numbers::Floats(vector),
            Self::Base64 => {
                let bytes: Vec<u8> = vector.iter().flat_map(|number| number.to_le_bytes()).collect();
                Numbers::Base64(STANDARD.encode(bytes))
            }
        }
    }
}

pub(super) async fn models(State(vecpipe): State<Vecpipe>) -> Json<Models> {
    let mut names: Vec<String> = vecpipe.status().models.into_iter().map(|model| model.name).collect();
    names.sort_unstable();
    names.dedup();
    let model = |id| Model { id, object: "model", created: 0, owned_by: "semantik" };
    Json(Models { object: "list", data: names.into_iter().map(model).collect() })
}
