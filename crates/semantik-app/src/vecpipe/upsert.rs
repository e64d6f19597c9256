//! Points come into a space.

use std::collections::HashMap;
use std::sync::Arc;

use semantik_core::ErrorCode;
use semantik_core::collection::Quantization;
use semantik_core::id::ChunkId;
use semantik_inference::{Embedder, ModelInfo, Purpose};
use semantik_store::spaces::SpacePoint;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::embed::check_count;
use super::spaces::{OpenSpace, check_name, unit};
use super::{POINTS, Vecpipe};
use crate::AppError;

const ID_BYTES: usize = 256;
const PAYLOAD_BYTES: usize = 64 * 1024;
/// A point's text is kept and shown; longer ones belong cut into passages.
const TEXT_BYTES: usize = 1024 * 1024;

/// A caller's name for a point.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum PointId {
    Number(u64),
    Text(String),
}

/// A point to keep: a text, a vector, or both.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewPoint {
    pub id: PointId,
    /// Searched by words, and embedded when there is no vector.
    #[serde(default)]
    pub text: Option<String>,
    #[serde(default)]
    pub vector: Option<Vec<f32>>,
    /// Kept and given back as it is.
    #[serde(default)]
    pub payload: Option<Box<RawValue>>,
}

/// Points for one space, which is made when it is missing.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UpsertRequest {
    pub collection: String,
    /// At least one, at most [`POINTS`]; of two with the same id the later counts.
    pub points: Vec<NewPoint>,
    /// What made the vectors, and what makes those of texts.
    #[serde(default)]
    pub model: Option<String>,
    #[serde(default)]
    pub quantization: Option<Quantization>,
}

/// What was kept; it is durable and found by searches.
#[derive(Debug, Clone, Serialize)]
pub struct Upserted {
    pub collection: String,
    pub upserted: usize,
    pub dimensions: usize,
    pub model: Option<String>,
}

/// Where points go.
struct Plan {
    existing: Option<Arc<OpenSpace>>,
    /// What makes the vectors; `None` when the caller brings them.
    embedder: Option<Arc<dyn Embedder>>,
    dimensions: usize,
}

impl Plan {
    fn info(&self) -> Option<&ModelInfo> {
        self.embedder.as_ref().map(|embedder| embedder.info())
    }
}

impl Vecpipe {
    /// Adds or replaces points, and embeds the texts that come without a vector.
    ///
    /// # Errors
    /// `invalid_request`, `request_too_large`, `model_mismatch` for vectors of another model.
    pub async fn upsert(&self, request: UpsertRequest) -> Result<Upserted, AppError> {
        check_count(request.points.len(), POINTS, "points")?;
        let points = distinct(request.points)?;
        let plan = self.plan(&request.collection, request.model, request.quantization, &points).await?;
        // Before texts are embedded for nothing.
        points.iter().try_for_each(|point| check_vector(point, plan.dimensions))?;
        let mut embedded = self.embed_missing(&plan, &points).await?.into_iter();
        let space = match plan.existing {
            Some(space) => space,
            None => self.spaces().find_or_create(&request.collection, plan.info(), plan.dimensions).await?,
        };
        // Somebody else may have made it meanwhile.
        match &plan.embedder {
            Some(embedder) => space.check_model(embedder.info())?,
            None if space.space.model.is_some() => return Err(unnamed(&request.collection)),
            None => {}
        }
        let mut rows = Vec::with_capacity(points.len());
        for point in points {
            let vector = match point.vector {
                Some(vector) => space.unit(vector, "vector")?,
                None => embedded.next().ok_or_else(|| AppError::Internal("a vector is missing".into()))?,
            };
            rows.push((row(point.id, point.text, point.payload)?, vector));
        }
        let answer = Upserted {
            collection: space.space.name.clone(),
            upserted: rows.len(),
            dimensions: space.space.dimensions,
            model: space.space.model.as_ref().map(|model| model.name.clone()),
        };
        space.write(rows).await?;
        Ok(answer)
    }

    /// Which space the points go to, which model makes their vectors, and whether the two fit.
    async fn plan(
        &self,
        collection: &str,
        model: Option<String>,
        quantization: Option<Quantization>,
        points: &[NewPoint],
    ) -> Result<Plan, AppError> {
        check_name(collection)?;
        let existing = self.spaces().find(collection).await?;
        let made_with = existing.as_ref().and_then(|space| space.space.model.as_ref());
        let named = model.is_some() || quantization.is_some();
        let texts = points.iter().any(|point| point.vector.is_none());
        let vectors = points.iter().any(|point| point.vector.is_some());
        let embedder = match made_with {
            Some(_) if !named && vectors => return Err(unnamed(collection)),
            // A space goes on with its own model unless another is named, which is then refused.
            Some(made) if !named => Some(self.embedder(Some(&made.name), Some(made.made.quantization)).await?),
            _ if named || texts => Some(self.embedder(model.as_deref(), quantization).await?),
            _ => None,
        };
        if let (Some(space), Some(embedder)) = (&existing, &embedder) {
            space.check_model(embedder.info())?;
        }
        let dimensions = match (&existing, &embedder) {
            (Some(space), _) => space.space.dimensions,
            (None, Some(embedder)) => embedder.info().dimensions,
            (None, None) => points.iter().find_map(|point| point.vector.as_ref().map(Vec::len)).unwrap_or_default(),
        };
        Ok(Plan { existing, embedder, dimensions })
    }

    /// Vectors of the texts that come without one, in order.
    async fn embed_missing(&self, plan: &Plan, points: &[NewPoint]) -> Result<Vec<Vec<f32>>, AppError> {
        let missing = points.iter().filter(|point| point.vector.is_none());
        let texts: Vec<String> = missing.filter_map(|point| point.text.clone()).collect();
        match &plan.embedder {
            Some(embedder) if !texts.is_empty() => self.run_embedder(&**embedder, texts, Purpose::Passage).await,
            _ => Ok(Vec::new()),
        }
    }

    /// Removes points by id; how many there were.
    ///
    /// # Errors
    /// `not_found`, `request_too_large`.
    pub async fn delete_points(&self, collection: &str, ids: &[PointId]) -> Result<u64, AppError> {
        check_count(ids.len(), POINTS, "ids")?;
        let ids = ids.iter().map(PointId::stored).collect::<Result<_, _>>()?;
        self.spaces().get(collection).await?.delete(ids).await
    }
}

impl PointId {
    /// As it is kept: a number and a text of the same digits are two ids.
    fn stored(&self) -> Result<String, AppError> {
        match self {
            Self::Text(text) if !(1..=ID_BYTES).contains(&text.len()) => {
                Err(AppError::invalid(format!("an id has 1 to {ID_BYTES} bytes, this one has {}", text.len())))
            }
            _ => serde_json::to_string(self).map_err(|error| AppError::Internal(error.to_string())),
        }
    }

    /// As it was kept.
    pub(super) fn read(stored: &str) -> Result<Self, AppError> {
        serde_json::from_str(stored).map_err(|error| AppError::Internal(format!("a point's id is damaged: {error}")))
    }
}

/// Of points with the same id the last; in the order they came.
fn distinct(points: Vec<NewPoint>) -> Result<Vec<NewPoint>, AppError> {
    let last: HashMap<PointId, usize> = points.iter().enumerate().map(|(at, point)| (point.id.clone(), at)).collect();
    for (at, point) in points.iter().enumerate() {
        point.id.stored()?;
        if point.text.is_none() && point.vector.is_none() {
            return Err(AppError::invalid(format!("point {at} has neither text nor vector")));
        }
        check_payload(point)?;
        if point.text.as_ref().is_some_and(|text| text.len() > TEXT_BYTES) {
            return Err(AppError::Refused {
                code: ErrorCode::RequestTooLarge,
                message: format!("the text of point {at} has more than {TEXT_BYTES} bytes"),
                hint: Some("cut it into passages, one point each".into()),
            });
        }
    }
    Ok(points.into_iter().enumerate().filter(|(at, point)| last.get(&point.id) == Some(at)).map(|(_, p)| p).collect())
}

fn check_vector(point: &NewPoint, dimensions: usize) -> Result<(), AppError> {
    let Some(vector) = &point.vector else { return Ok(()) };
    if vector.len() != dimensions {
        return Err(AppError::invalid(format!("vector has {} numbers, but must have {dimensions}", vector.len())));
    }
    unit(vector.clone(), "vector").map(drop)
}

fn unnamed(collection: &str) -> AppError {
    AppError::Refused {
        code: ErrorCode::ModelMismatch,
        message: format!(
            "collection `{collection}` holds vectors of a model, and the request does not say which made these"
        ),
        hint: Some("name `model` (and `quantization`) in the request, or send texts alone".into()),
    }
}

/// A payload is a JSON object of a bounded size; nothing looks into it.
fn check_payload(point: &NewPoint) -> Result<(), AppError> {
    let Some(payload) = point.payload.as_ref().map(|payload| payload.get()) else { return Ok(()) };
    if payload.len() > PAYLOAD_BYTES {
        return Err(AppError::Refused {
            code: ErrorCode::RequestTooLarge,
            message: format!("a payload has {} bytes as JSON, and may have {PAYLOAD_BYTES}", payload.len()),
            hint: Some("keep large things elsewhere and their address here".into()),
        });
    }
    if payload.starts_with('{') { Ok(()) } else { Err(AppError::invalid("a payload is a JSON object")) }
}

fn row(id: PointId, text: Option<String>, payload: Option<Box<RawValue>>) -> Result<SpacePoint, AppError> {
    let payload = payload.map(|payload| payload.get().to_owned()).unwrap_or_default();
    Ok(SpacePoint { key: ChunkId::generate(), id: id.stored()?, text: text.unwrap_or_default(), payload })
}
