//! Several models on one pool of workers: loaded when first needed, let go when idle or when another
//! one needs the memory.

mod handle;
mod seat;
mod slot;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use semantik_config::Device;
use semantik_core::collection::Quantization;
use serde::Serialize;
use tokio::sync::Notify;

use crate::cuda::Place;
use crate::local::engine::LocalOptions;
use crate::local::facts::facts;
use crate::local::mock::{MockEmbedder, MockReranker};
use crate::local::pool::Pool;
use crate::models::ModelCache;
use crate::{Embedder, InferenceError, ModelKind, Reranker};

use handle::{ResidentEmbedder, ResidentReranker};
use slot::Slot;

/// How long a model waits for others, which are at work, to make room.
const ROOM_WAIT: Duration = Duration::from_secs(30);

/// Models by name, of which those in use are in memory. Cheap to clone.
#[derive(Clone)]
pub struct Models {
    shared: Arc<Shared>,
}

/// How models are kept.
#[derive(Debug, Clone)]
pub struct ModelsOptions {
    pub cache: ModelCache,
    /// Workers; 0 for one per core.
    pub threads: usize,
    /// How long an unused model stays loaded; `None` keeps it for good.
    pub idle: Option<Duration>,
    /// Bytes the weights of all loaded models may take; `None` for no limit.
    pub memory_bytes: Option<u64>,
    /// What computes; chosen when the first model is asked for.
    pub device: Device,
    /// Where compiled kernels of a card are kept; `None` compiles them in each process.
    pub kernels: Option<PathBuf>,
    /// Tokens of queries that may wait, and as many of passages: for the processor, and for each model
    /// on a card.
    pub queue_tokens: usize,
    /// Every name is the mock model.
    pub mock: bool,
}

/// Where a model's weights are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Residency {
    Unloaded,
    Loading,
    Loaded,
}

/// A model that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ModelState {
    pub name: String,
    pub kind: ModelKind,
    pub quantization: Quantization,
    pub dimensions: usize,
    pub max_tokens: usize,
    pub state: Residency,
    /// Memory of its weights while it is loaded.
    pub bytes: Option<u64>,
    /// Whole seconds since it was last used, once it was.
    pub idle_s: Option<u64>,
}

struct Shared {
    options: ModelsOptions,
    place: OnceLock<Place>,
    /// The workers, while a model has them.
    pool: Mutex<Weak<Pool>>,
    slots: Mutex<Vec<Arc<Slot>>>,
    /// Held while loading: two callers load once, and two models do not both take the last room.
    loading: Arc<tokio::sync::Mutex<()>>,
    /// Told whenever a model is no longer at work.
    freed: Notify,
}

impl Models {
    /// Nothing is loaded yet.
    pub fn new(options: ModelsOptions) -> Self {
        let (place, pool, slots, loading, freed) = Default::default();
        Self { shared: Arc::new(Shared { options, place, pool, slots, loading, freed }) }
    }

    /// The embedder `name`; reads the small files only.
    ///
    /// # Errors
    /// When it is not in the cache, its folder cannot be used, or a card is required and there is none.
    pub fn embedder(&self, name: &str, quantization: Quantization) -> Result<Arc<dyn Embedder>, InferenceError> {
        if self.shared.options.mock {
            return Ok(Arc::new(MockEmbedder::new()));
        }
        let slot = self.shared.slot(name, ModelKind::Embedding, quantization)?;
        Ok(Arc::new(ResidentEmbedder { shared: Arc::clone(&self.shared), slot }))
    }

    /// The reranker `name`; reads the small files only.
    ///
    /// # Errors
    /// When it is not in the cache, its folder cannot be used, or a card is required and there is none.
    pub fn reranker(&self, name: &str, quantization: Quantization) -> Result<Arc<dyn Reranker>, InferenceError> {
        if self.shared.options.mock {
            return Ok(Arc::new(MockReranker::new()));
        }
        let slot = self.shared.slot(name, ModelKind::Reranker, quantization)?;
        Ok(Arc::new(ResidentReranker { shared: Arc::clone(&self.shared), slot }))
    }

    /// Brings a model into memory, whichever kind it is.
    ///
    /// # Errors
    /// As [`Self::embedder`], and when it does not fit into the memory allowed.
    pub async fn load(&self, name: &str, quantization: Quantization) -> Result<ModelState, InferenceError> {
        if self.shared.options.mock {
            return Ok(mock_state());
        }
        let slot = self.shared.slot(name, self.shared.kind_of(name)?, quantization)?;
        drop(self.shared.lease(&slot).await?);
        Ok(slot.state())
    }

    /// Lets a model go, in every quantization; work in flight ends first. How many there were.
    pub fn unload(&self, name: &str) -> usize {
        let mut slots = self.shared.slots();
        let gone: Vec<_> = slots.iter().filter(|slot| slot.name() == name).filter_map(|slot| slot.release()).collect();
        // What nobody holds is read anew by a later request: it may be another model by then.
        slots.retain(|slot| slot.name() != name || Arc::strong_count(slot) > 1);
        drop(slots);
        let count = gone.len();
        // A card's threads end first, which may take as long as a batch: nobody else waits for that.
        drop(gone);
        self.shared.freed.notify_waiters();
        count
    }

    /// Every model asked for so far.
    pub fn states(&self) -> Vec<ModelState> {
        if self.shared.options.mock {
            return vec![mock_state()];
        }
        self.shared.slots().iter().map(|slot| slot.state()).collect()
    }
}

impl Shared {
    fn slots(&self) -> MutexGuard<'_, Vec<Arc<Slot>>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn kind_of(&self, name: &str) -> Result<ModelKind, InferenceError> {
        if let Some(known) = self.slots().iter().find(|slot| slot.name() == name) {
            return Ok(known.kind());
        }
        Ok(facts(&self.options.cache.resolve(name)?)?.kind)
    }

    fn slot(&self, name: &str, kind: ModelKind, quantization: Quantization) -> Result<Arc<Slot>, InferenceError> {
        let mut slots = self.slots();
        if let Some(slot) = slots.iter().find(|slot| slot.is(name, kind, quantization)) {
            return Ok(Arc::clone(slot));
        }
        let folder = self.options.cache.resolve(name)?;
        let slot = Arc::new(Slot::read(folder, name, kind, quantization, self.place()?)?);
        slots.push(Arc::clone(&slot));
        Ok(slot)
    }

    /// Processor or card, looked at once.
    fn place(&self) -> Result<Place, InferenceError> {
        if let Some(place) = self.place.get() {
            return Ok(place.clone());
        }
        let place = Place::choose(self.options.device, self.options.kernels.clone())?;
        Ok(self.place.get_or_init(|| place).clone())
    }

    /// The workers, started with the first model; they end with the last one.
    fn pool(&self) -> Result<Arc<Pool>, InferenceError> {
        let mut pool = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pool) = pool.upgrade() {
            return Ok(pool);
        }
        let options = LocalOptions { threads: self.options.threads, quantization: Quantization::Float32 };
        let started = Arc::new(Pool::start(options.workers(), self.options.queue_tokens)?);
        *pool = Arc::downgrade(&started);
        Ok(started)
    }

    /// Lets the least recently used models go until `need` bytes more are allowed.
    ///
    /// # Errors
    /// [`InferenceError::Unavailable`] when that is more than is allowed at all,
    /// [`InferenceError::Busy`] when the others do not end their work.
    async fn make_room(&self, name: &str, need: u64) -> Result<(), InferenceError> {
        let Some(allowed) = self.options.memory_bytes else { return Ok(()) };
        if need > allowed {
            return Err(InferenceError::Unavailable(format!(
                "model {name} needs about {} MB, and MODEL_MEMORY_MB allows {}; raise it, or take a smaller model or quantization",
                need >> 20,
                allowed >> 20
            )));
        }
        let room = async {
            loop {
                let freed = self.freed.notified();
                if self.evict(allowed - need) {
                    return;
                }
                freed.await;
            }
        };
        tokio::time::timeout(ROOM_WAIT, room).await.map_err(|_| InferenceError::Busy { retry_after: ROOM_WAIT })
    }

    /// Whether at most `most` bytes are taken once those at rest have gone, the longest unused first.
    fn evict(&self, most: u64) -> bool {
        let mut loaded: Vec<_> = self.slots().iter().filter(|slot| slot.bytes().is_some()).map(Arc::clone).collect();
        loaded.sort_by_key(|slot| slot.last_used());
        // Counted anew each time: others may let models go meanwhile.
        let taken = || self.slots().iter().filter_map(|slot| slot.bytes()).sum::<u64>();
        for slot in loaded {
            if taken() <= most {
                break;
            }
            if slot.release_at_rest() {
                tracing::info!(model = slot.name(), "let go to make room for another model");
            }
        }
        taken() <= most
    }
}

fn mock_state() -> ModelState {
    let embedder = MockEmbedder::new();
    let info = embedder.info();
    ModelState {
        name: info.name.clone(),
        kind: ModelKind::Embedding,
        quantization: info.quantization,
        dimensions: info.dimensions,
        max_tokens: info.max_tokens,
        state: Residency::Loaded,
        bytes: Some(0),
        idle_s: None,
    }
}
