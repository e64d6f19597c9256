//! The spaces that are open, and what is known of one.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use semantik_core::collection::Quantization;
use semantik_core::id::IndexId;
use semantik_core::{Clock, ErrorCode};
use semantik_index::{Index, IndexEngine};
use semantik_inference::ModelInfo;
use semantik_store::spaces::{Space, SpaceModel};
use semantik_store::{Spaces, StoreError};
use serde::Serialize;
use tokio::sync::Mutex;

use super::Vecpipe;
use super::write::finish;
use crate::AppError;

/// Spaces there may be.
const SPACES: usize = 1000;
const NAME_BYTES: usize = 100;
/// How often spaces give back what only writing needs.
const TIDY_EVERY: Duration = Duration::from_secs(60);

/// Every space that was used since the start, by name.
pub(super) struct Registry {
    pub(super) rows: Arc<dyn Spaces>,
    engine: Arc<dyn IndexEngine>,
    clock: Arc<dyn Clock>,
    /// Held while a space is opened, made or removed, so that nobody sees half of that.
    open: Arc<Mutex<HashMap<String, Arc<OpenSpace>>>>,
}

/// A space with its index.
pub(super) struct OpenSpace {
    pub(super) space: Space,
    pub(super) index: Arc<dyn Index>,
    pub(super) rows: Arc<dyn Spaces>,
    /// One change at a time.
    pub(super) writing: Arc<Mutex<()>>,
}

/// A space as callers see it.
#[derive(Debug, Clone, Serialize)]
pub struct SpaceInfo {
    pub collection: String,
    pub points: u64,
    pub dimensions: usize,
    /// `None` when the callers bring the vectors.
    pub model: Option<String>,
    pub model_hash: Option<String>,
    pub quantization: Option<Quantization>,
    pub disk_bytes: u64,
    /// RFC 3339.
    pub created_at: String,
}

impl Registry {
    pub(super) fn new(rows: Arc<dyn Spaces>, engine: Arc<dyn IndexEngine>, clock: Arc<dyn Clock>) -> Self {
        Self { rows, engine, clock, open: Arc::default() }
    }

    /// Removes indexes whose space is gone (a stop between the two), and begins to tidy.
    pub(super) async fn prepare(&self) -> Result<(), AppError> {
        let known: Vec<IndexId> = self.rows.list().await?.into_iter().map(|space| space.index).collect();
        for id in self.engine.list().await?.into_iter().filter(|id| !known.contains(id)) {
            self.engine.remove(id).await?;
        }
        tokio::spawn(tidy(Arc::downgrade(&self.open)));
        Ok(())
    }

    pub(super) async fn find(&self, name: &str) -> Result<Option<Arc<OpenSpace>>, AppError> {
        let mut open = self.open.lock().await;
        if let Some(space) = open.get(name) {
            return Ok(Some(Arc::clone(space)));
        }
        let Some(space) = self.rows.list().await?.into_iter().find(|space| space.name == name) else {
            return Ok(None);
        };
        let opened = self.attach(space).await?;
        open.insert(name.to_owned(), Arc::clone(&opened));
        Ok(Some(opened))
    }

    pub(super) async fn get(&self, name: &str) -> Result<Arc<OpenSpace>, AppError> {
        self.find(name).await?.ok_or_else(|| AppError::Refused {
            code: ErrorCode::NotFound,
            message: format!("there is no collection `{name}`"),
            hint: Some("POST /upsert makes it".into()),
        })
    }

    /// The space of that name, made where it is missing.
    pub(super) async fn find_or_create(
        &self,
        name: &str,
        model: Option<&ModelInfo>,
        dimensions: usize,
    ) -> Result<Arc<OpenSpace>, AppError> {
        if self.rows.list().await?.len() >= SPACES {
            return Err(AppError::Refused {
                code: ErrorCode::RequestTooLarge,
                message: format!("there are {SPACES} collections, and there may not be more"),
                hint: Some("delete one with POST /collection/delete".into()),
            });
        }
        let model = model.map(|info| SpaceModel { name: info.name.clone(), made: info.fingerprint() });
        let index = IndexId::generate();
        let created_at = self.clock.now();
        match self.rows.create(&Space { index, name: name.to_owned(), model, dimensions, created_at }).await {
            // Somebody else made it meanwhile; whether it fits is checked by the caller.
            Ok(()) | Err(StoreError::AlreadyExists { .. }) => self.get(name).await,
            Err(error) => Err(error.into()),
        }
    }

    async fn attach(&self, space: Space) -> Result<Arc<OpenSpace>, AppError> {
        let index = self.engine.open(space.index, space.dimensions).await?;
        let rows = Arc::clone(&self.rows);
        let opened = Arc::new(OpenSpace { space, index, rows, writing: Arc::default() });
        // What an earlier run left half done.
        opened.sweep().await?;
        Ok(opened)
    }

    /// Runs to its end even when nobody waits any more.
    async fn remove(&self, name: &str) -> Result<(), AppError> {
        let space = self.get(name).await?;
        let (open, rows, engine) = (Arc::clone(&self.open), Arc::clone(&self.rows), Arc::clone(&self.engine));
        let task = async move {
            let mut open = open.lock().await;
            let id = space.space.index;
            let _writing = space.writing.lock().await;
            rows.remove(id).await?;
            // One that was made under the same name meanwhile is another.
            open.retain(|_, known| known.space.index != id);
            Ok(engine.remove(id).await?)
        };
        finish(tokio::spawn(task).await)
    }
}

impl OpenSpace {
    /// Refuses a model that did not make this space's vectors.
    pub(super) fn check_model(&self, info: &ModelInfo) -> Result<(), AppError> {
        let (kept, running) = (self.space.model.as_ref(), info.fingerprint());
        if kept.is_some_and(|model| model.made.fits(&running)) {
            return Ok(());
        }
        let made_with = kept.map_or_else(
            || "vectors that callers bring".to_owned(),
            |model| format!("vectors of {}", model.made.describe(&model.name)),
        );
        Err(AppError::Refused {
            code: ErrorCode::ModelMismatch,
            message: format!(
                "collection `{}` holds {made_with}; {} makes others",
                self.space.name,
                running.describe(&info.name)
            ),
            hint: Some("use another collection, or delete this one and fill it again".into()),
        })
    }

    /// Refuses a vector this space cannot hold, and brings the others to unit length.
    pub(super) fn unit(&self, vector: Vec<f32>, what: &str) -> Result<Vec<f32>, AppError> {
        if vector.len() != self.space.dimensions {
            return Err(AppError::invalid(format!(
                "{what} has {} numbers, but collection `{}` takes {}",
                vector.len(),
                self.space.name,
                self.space.dimensions
            )));
        }
        unit(vector, what)
    }

    async fn info(&self) -> Result<SpaceInfo, AppError> {
        let (space, model) = (&self.space, self.space.model.as_ref());
        Ok(SpaceInfo {
            collection: space.name.clone(),
            points: self.rows.count(space.index).await?,
            dimensions: space.dimensions,
            model: model.map(|model| model.name.clone()),
            model_hash: model.map(|model| model.made.hash.clone()),
            quantization: model.map(|model| model.made.quantization),
            disk_bytes: self.index.stats().await?.disk_bytes,
            created_at: semantik_core::clock::rfc3339(space.created_at),
        })
    }
}

impl Vecpipe {
    /// Every space, by name.
    ///
    /// # Errors
    /// What the engines met.
    pub async fn space_infos(&self) -> Result<Vec<SpaceInfo>, AppError> {
        let mut infos = Vec::new();
        for space in self.spaces().rows.list().await? {
            infos.push(self.spaces().get(&space.name).await?.info().await?);
        }
        Ok(infos)
    }

    /// One space.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn space_info(&self, name: &str) -> Result<SpaceInfo, AppError> {
        self.spaces().get(name).await?.info().await
    }

    /// Removes a space with everything in it.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn remove_space(&self, name: &str) -> Result<(), AppError> {
        self.spaces().remove(name).await
    }
}

/// A vector at unit length.
pub(super) fn unit(mut vector: Vec<f32>, what: &str) -> Result<Vec<f32>, AppError> {
    let length = vector.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
    if !length.is_finite() || length == 0.0 {
        return Err(AppError::invalid(format!("{what} must hold finite numbers that are not all zero")));
    }
    #[expect(clippy::cast_possible_truncation, reason = "numbers of at most unit length")]
    vector.iter_mut().for_each(|x| *x = (f64::from(*x) / length) as f32);
    Ok(vector)
}

pub(super) fn check_name(name: &str) -> Result<(), AppError> {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if (1..=NAME_BYTES).contains(&name.len()) && name.bytes().all(fine) {
        return Ok(());
    }
    Err(AppError::invalid(format!("collection must have 1 to {NAME_BYTES} letters, digits, `-`, `_` and `.`")))
}

/// Frees dead rows and what only writing needs, until the service is gone.
async fn tidy(spaces: Weak<Mutex<HashMap<String, Arc<OpenSpace>>>>) {
    loop {
        tokio::time::sleep(TIDY_EVERY).await;
        let Some(spaces) = spaces.upgrade() else { return };
        let all: Vec<Arc<OpenSpace>> = spaces.lock().await.values().cloned().collect();
        for space in all {
            let Ok(_writing) = space.writing.try_lock() else { continue };
            let tidied = async { space.index.compact().await.and(space.index.idle().await) };
            if let Err(error) = tidied.await {
                tracing::warn!(%error, collection = space.space.name, "a collection could not be tidied");
            }
        }
    }
}
