//! Several models in one process: loaded when needed, let go when idle or when room is needed.

use std::path::Path;
use std::time::Duration;

use semantik_config::Device;
use semantik_core::collection::Quantization;
use semantik_inference::local::{ModelState, Models, ModelsOptions, Residency};
use semantik_inference::models::{ModelCache, Prefixes};
use semantik_inference::{Embedder, InferenceError, ModelKind, Purpose};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

const IDLE: Duration = Duration::from_secs(300);

/// A cache with two tiny encoders and a reranker.
fn cache() -> (TempDir, ModelCache) {
    let folder = TempDir::new().expect("a temporary folder");
    let cache = ModelCache::new(folder.path().join("models"));
    let tiny = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tiny/bert");
    cache.import(&tiny, "judge").expect("the fixture is a model");
    let plain = folder.path().join("plain");
    std::fs::create_dir(&plain).expect("a temporary folder is writable");
    for file in ["tokenizer.json", "model.safetensors"] {
        std::fs::copy(tiny.join(file), plain.join(file)).expect("the fixture is there");
    }
    let config = std::fs::read_to_string(tiny.join("config.json")).expect("the fixture is there");
    std::fs::write(plain.join("config.json"), config.replace("ForSequenceClassification", "Model"))
        .expect("a temporary folder is writable");
    for name in ["one", "two"] {
        cache.import(&plain, name).expect("the folder is a model");
    }
    (folder, cache)
}

fn options(cache: &ModelCache) -> ModelsOptions {
    ModelsOptions {
        cache: cache.clone(),
        threads: 1,
        idle: Some(IDLE),
        memory_bytes: None,
        device: Device::Cpu,
        kernels: None,
        queue_tokens: 1 << 16,
        mock: false,
    }
}

fn models(cache: &ModelCache, memory_bytes: Option<u64>) -> Models {
    Models::new(ModelsOptions { memory_bytes, ..options(cache) })
}

async fn embed(model: &dyn Embedder) -> Result<Vec<Vec<f32>>, InferenceError> {
    model.embed(vec!["hello world".to_owned()], Purpose::Query, &CancellationToken::new()).await
}

fn loaded(models: &Models) -> Vec<String> {
    let states = models.states().into_iter().filter(|state| state.state == Residency::Loaded);
    states.map(|state| state.name).collect()
}

/// Bytes of one encoder's weights in float32.
async fn weights(cache: &ModelCache) -> u64 {
    let state = models(cache, None).load("one", Quantization::Float32).await.expect("there is no limit");
    state.bytes.expect("it is loaded")
}

#[tokio::test(start_paused = true)]
async fn an_idle_model_is_let_go_and_comes_back() {
    let (_folder, cache) = cache();
    let models = models(&cache, None);
    let model = models.embedder("one", Quantization::Int8).expect("the folder is a model");
    assert_eq!(models.states()[0].state, Residency::Unloaded);
    let first = embed(&*model).await.expect("it loads");
    assert_eq!(loaded(&models), ["one"]);
    tokio::time::sleep(IDLE * 2).await;
    assert!(loaded(&models).is_empty());
    assert_eq!(embed(&*model).await.expect("it loads again"), first);
}

#[tokio::test]
async fn the_longest_unused_model_makes_room() {
    let (_folder, cache) = cache();
    let one = weights(&cache).await;
    let models = models(&cache, Some(one * 5 / 2 + (1 << 20)));
    for name in ["one", "two", "one"] {
        embed(&*models.embedder(name, Quantization::Float32).expect("a model")).await.expect("it fits");
    }
    let judge = models.reranker("judge", Quantization::Float32).expect("a reranker");
    let scores = judge.rerank("a".to_owned(), vec!["b".to_owned()], &CancellationToken::new()).await;
    assert_eq!(scores.expect("it fits once another has gone").len(), 1);
    let loaded = loaded(&models);
    assert!(loaded.contains(&"judge".to_owned()), "{loaded:?}");
    let taken: u64 = models.states().iter().filter_map(|state| state.bytes).sum();
    assert!(taken <= one * 5 / 2 + (1 << 20), "{taken} of {one} each");
}

#[tokio::test]
async fn a_model_larger_than_the_memory_allowed_is_refused_with_what_to_do() {
    let (_folder, cache) = cache();
    let model = models(&cache, Some(1000)).embedder("one", Quantization::Float32).expect("a model");
    let said = embed(&*model).await.expect_err("it cannot fit").to_string();
    assert!(said.contains("MODEL_MEMORY_MB"), "{said}");
}

#[tokio::test]
async fn a_model_is_let_go_by_name_and_used_again() {
    let (_folder, cache) = cache();
    let models = models(&cache, None);
    let model = models.embedder("one", Quantization::Float16).expect("a model");
    let first = embed(&*model).await.expect("it loads");
    assert_eq!(models.unload("one"), 1);
    assert_eq!(models.unload("one"), 0);
    assert!(loaded(&models).is_empty());
    assert_eq!(embed(&*model).await.expect("an older handle works on"), first);
    assert_eq!(loaded(&models), ["one"]);
}

#[tokio::test]
async fn two_callers_load_a_model_once() {
    let (_folder, cache) = cache();
    let models = models(&cache, None);
    let model = models.embedder("one", Quantization::Float32).expect("a model");
    let (left, right) = tokio::join!(embed(&*model), embed(&*model));
    assert_eq!(left.expect("it loads"), right.expect("it loads"));
    assert_eq!(models.states().len(), 1);
}

#[tokio::test]
async fn models_say_what_they_are() {
    let (_folder, cache) = cache();
    let models = models(&cache, None);
    let state: ModelState = models.load("judge", Quantization::Int8).await.expect("it loads");
    assert_eq!((state.kind, state.state, state.dimensions), (ModelKind::Reranker, Residency::Loaded, 1));
    assert!(matches!(models.load("none", Quantization::Int8).await, Err(InferenceError::NotFound { .. })));
}

#[tokio::test]
async fn what_waits_is_bounded_and_a_caller_that_leaves_frees_its_share() {
    let (_folder, cache) = cache();
    let models = Models::new(ModelsOptions { idle: None, queue_tokens: 1000, ..options(&cache) });
    let model = models.embedder("one", Quantization::Float32).expect("a model");
    embed(&*model).await.expect("it loads");
    let texts = |count: usize| vec!["one two three four five six seven eight".to_owned(); count];
    let large = || {
        let model = model.clone();
        tokio::spawn(async move { model.embed(texts(400_000), Purpose::Passage, &CancellationToken::new()).await })
    };
    let mut many = large();
    // Refused from the moment the large call waits; it is refused itself when a small one was there first.
    let wait = loop {
        match model.embed(texts(200), Purpose::Passage, &CancellationToken::new()).await {
            Err(InferenceError::Busy { retry_after }) => break retry_after,
            Err(other) => panic!("{other}"),
            Ok(_) if many.is_finished() => many = large(),
            Ok(_) => {}
        }
    };
    assert!(wait >= Duration::from_secs(1));
    assert!(embed(&*model).await.is_ok(), "queries have their own line");
    many.abort();
    assert!(many.await.expect_err("it was stopped").is_cancelled());
    let after = model.embed(texts(200), Purpose::Passage, &CancellationToken::new()).await;
    assert_eq!(after.expect("there is room again").len(), 200);
}

#[tokio::test]
async fn another_prefix_makes_other_vectors() {
    let (_folder, cache) = cache();
    let made = |cache: &ModelCache| {
        let model = models(cache, None).embedder("one", Quantization::Float32).expect("a model");
        async move { (model.variant().to_owned(), embed(&*model).await.expect("it loads")) }
    };
    let (before, vectors) = made(&cache).await;
    let prefixes = Prefixes { query: "query: ".into(), passage: "passage: ".into() };
    cache.set_prefixes("one", Some(prefixes)).expect("the model is there");
    let (after, others) = made(&cache).await;
    assert_ne!(vectors, others);
    assert_ne!(before, after, "a cache would take the one for the other");
}
