//! The cache of vectors: what is remembered is not computed, and nothing remembered is ever wrong.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use semantik_inference::cache::{CacheOptions, CachedEmbedder, EmbeddingCache};
use semantik_inference::local::MockEmbedder;
use semantik_inference::{Embedder, InferenceError, ModelInfo, Purpose, TokenCounter};
use tempfile::TempDir;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

const MIB: u64 = 1 << 20;

/// Counts what it is asked to compute, and computes while it has a permit.
struct Counting {
    info: ModelInfo,
    variant: &'static str,
    inner: MockEmbedder,
    calls: Mutex<Vec<Vec<String>>>,
    gate: Semaphore,
    waiting: Semaphore,
    fails: AtomicUsize,
}

impl Counting {
    fn new() -> Self {
        let inner = MockEmbedder::new();
        Self {
            info: inner.info().clone(),
            variant: "",
            inner,
            calls: Mutex::default(),
            gate: Semaphore::new(Semaphore::MAX_PERMITS),
            waiting: Semaphore::new(0),
            fails: AtomicUsize::new(0),
        }
    }

    /// One that computes nothing until it is allowed to.
    fn closed() -> Self {
        Self { gate: Semaphore::new(0), ..Self::new() }
    }

    fn calls(&self) -> Vec<Vec<String>> {
        self.calls.lock().expect("no test panics under it").clone()
    }

    fn texts(&self) -> usize {
        self.calls().iter().map(Vec::len).sum()
    }

    /// Waits until a call has reached the gate.
    async fn reached(&self) {
        self.waiting.acquire().await.expect("it is never closed").forget();
    }
}

#[async_trait]
impl Embedder for Counting {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    async fn embed(
        &self,
        texts: Vec<String>,
        purpose: Purpose,
        cancel: &CancellationToken,
    ) -> Result<Vec<Vec<f32>>, InferenceError> {
        self.calls.lock().expect("no test panics under it").push(texts.clone());
        self.waiting.add_permits(1);
        tokio::select! {
            () = cancel.cancelled() => return Err(InferenceError::Cancelled),
            permit = self.gate.acquire() => permit.expect("it is never closed").forget(),
        }
        if self.fails.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok() {
            return Err(InferenceError::Unavailable("a test wants it so".into()));
        }
        self.inner.embed(texts, purpose, cancel).await
    }

    fn variant(&self) -> &str {
        self.variant
    }

    fn tokens(&self) -> Arc<dyn TokenCounter> {
        self.inner.tokens()
    }
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn options(folder: &Path) -> CacheOptions {
    CacheOptions { folder: folder.join("embeddings"), disk_bytes: 64 * MIB, query_bytes: 1 << 20 }
}

fn cached(inner: &Arc<Counting>, folder: &TempDir) -> CachedEmbedder {
    with(inner, options(folder.path()))
}

fn with(inner: &Arc<Counting>, options: CacheOptions) -> CachedEmbedder {
    CachedEmbedder::new(Arc::clone(inner) as Arc<dyn Embedder>, EmbeddingCache::new(options))
}

fn texts(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|number| format!("passage number {number} of a long book")).collect()
}

async fn embed(cache: &CachedEmbedder, texts: &[String], purpose: Purpose) -> Vec<Vec<u32>> {
    let vectors = cache.embed(texts.to_vec(), purpose, &CancellationToken::new()).await.expect("texts are embedded");
    bits(&vectors)
}

fn bits(vectors: &[Vec<f32>]) -> Vec<Vec<u32>> {
    vectors.iter().map(|vector| vector.iter().map(|number| number.to_bits()).collect()).collect()
}

/// What the embedder without a cache gives.
async fn truth(texts: &[String]) -> Vec<Vec<u32>> {
    let never = CancellationToken::new();
    bits(&MockEmbedder::new().embed(texts.to_vec(), Purpose::Passage, &never).await.expect("texts are embedded"))
}

/// The files of the cache, without its lock.
fn files(folder: &TempDir) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder.path().join("embeddings")).expect("the cache is there");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("it can be read").path()).collect();
    files.retain(|path| path.extension().is_some());
    files.sort();
    files
}

#[tokio::test]
async fn passages_are_computed_once_and_remembered_by_the_next_process() {
    let (folder, texts) = (folder(), texts(0..300));
    let expected = truth(&texts).await;
    let inner = Arc::new(Counting::new());
    for round in 0..3 {
        let cache = cached(&inner, &folder);
        assert_eq!(embed(&cache, &texts, Purpose::Passage).await, expected, "round {round}");
        assert_eq!(embed(&cache, &texts[100..200], Purpose::Passage).await, expected[100..200], "round {round}");
        assert_eq!(inner.texts(), texts.len(), "round {round}");
    }
}

#[tokio::test]
async fn queries_are_remembered_in_memory_alone() {
    let (folder, texts) = (folder(), texts(0..3));
    let inner = Arc::new(Counting::new());
    let cache = cached(&inner, &folder);
    let first = embed(&cache, &texts, Purpose::Query).await;
    assert_eq!(embed(&cache, &texts, Purpose::Query).await, first);
    assert_eq!(inner.texts(), 3);
    assert!(!folder.path().join("embeddings").exists(), "a search writes nothing");
    embed(&cached(&inner, &folder), &texts, Purpose::Query).await;
    assert_eq!(inner.texts(), 6);
}

#[tokio::test]
async fn whatever_decides_a_vector_keeps_it_apart() {
    let (folder, text) = (folder(), texts(0..1));
    let shared = EmbeddingCache::new(options(folder.path()));
    let change: [fn(&mut Counting); 7] = [
        |_| {},
        |counting| counting.info.name = "other".into(),
        |counting| counting.info.hash = "other".into(),
        |counting| counting.info.quantization = semantik_core::collection::Quantization::Int8,
        |counting| counting.info.dimensions = 383,
        |counting| counting.info.max_tokens += 1,
        |counting| counting.variant = "other prompts",
    ];
    for (number, change) in change.into_iter().enumerate() {
        let mut counting = Counting::new();
        change(&mut counting);
        let inner = Arc::new(counting);
        let cache = CachedEmbedder::new(Arc::clone(&inner) as Arc<dyn Embedder>, Arc::clone(&shared));
        embed(&cache, &text, Purpose::Passage).await;
        assert_eq!(inner.texts(), 1, "change {number}");
        embed(&cache, &text, Purpose::Query).await;
        assert_eq!(inner.texts(), 2, "the purpose of change {number}");
    }
}

#[tokio::test]
async fn misses_of_a_call_are_one_call_and_twins_are_computed_once() {
    let folder = folder();
    let inner = Arc::new(Counting::new());
    let cache = cached(&inner, &folder);
    let name = |text: &str| text.to_owned();
    embed(&cache, &[name("known")], Purpose::Passage).await;
    let mixed = ["a", "known", "b", "a", "", "b", ""].map(name);
    assert_eq!(embed(&cache, &mixed, Purpose::Passage).await, truth(&mixed).await);
    assert_eq!(inner.calls()[1..], [["a", "b", ""].map(name)]);
}

#[tokio::test]
// Short queries are looked up in place, so the first future of a `join` leads.
async fn a_text_in_flight_is_waited_for() {
    let (folder, texts) = (folder(), texts(0..4));
    let inner = Arc::new(Counting::closed());
    let cache = cached(&inner, &folder);
    let open = async {
        inner.reached().await;
        inner.gate.add_permits(2);
    };
    let (first, second, ()) =
        tokio::join!(embed(&cache, &texts[..3], Purpose::Query), embed(&cache, &texts[1..], Purpose::Query), open);
    let expected = truth(&texts).await;
    assert_eq!((first, second), (expected[..3].to_vec(), expected[1..].to_vec()));
    assert_eq!(inner.texts(), 4);
}

#[tokio::test]
async fn a_cancelled_or_failed_call_fails_nobody_else() {
    let (folder, texts) = (folder(), texts(0..2));
    for cancelled in [true, false] {
        let inner = Arc::new(Counting::closed());
        inner.fails.store(usize::from(!cancelled), Ordering::Relaxed);
        let cache = with(&inner, CacheOptions { disk_bytes: 0, ..options(folder.path()) });
        let cancel = CancellationToken::new();
        let give_up = async {
            inner.reached().await;
            if cancelled {
                cancel.cancel();
            } else {
                inner.gate.add_permits(1);
            }
            inner.reached().await;
            inner.gate.add_permits(1);
        };
        let (leader, follower, ()) = tokio::join!(
            cache.embed(texts.clone(), Purpose::Query, &cancel),
            embed(&cache, &texts, Purpose::Query),
            give_up
        );
        assert!(leader.is_err());
        assert_eq!(follower, truth(&texts).await);
        assert_eq!(inner.calls().len(), 2, "the follower took over");
    }
}

#[tokio::test]
async fn a_dropped_call_frees_its_texts() {
    let (folder, texts) = (folder(), texts(0..2));
    let inner = Arc::new(Counting::closed());
    let cache = cached(&inner, &folder);
    tokio::select! {
        _ = embed(&cache, &texts, Purpose::Passage) => panic!("the gate is closed"),
        () = inner.reached() => {}
    }
    inner.gate.add_permits(1);
    assert_eq!(embed(&cache, &texts, Purpose::Passage).await, truth(&texts).await);
}

#[tokio::test]
async fn no_damaged_byte_and_no_lost_end_gives_a_wrong_vector() {
    let (home, texts) = (folder(), texts(0..3));
    let expected = truth(&texts).await;
    embed(&cached(&Arc::new(Counting::new()), &home), &texts, Purpose::Passage).await;
    let whole: Vec<(PathBuf, Vec<u8>)> =
        files(&home).into_iter().map(|path| (path.clone(), fs::read(path).expect("it is a file"))).collect();
    assert_eq!(whole.len(), 2, "a segment has two files");
    let mut cases = 0;
    for (at, (_, content)) in whole.iter().enumerate() {
        for place in (0..content.len()).step_by(if content.len() > 100 { 23 } else { 1 }) {
            let flipped: Vec<u8> =
                content.iter().enumerate().map(|(at, byte)| if at == place { byte ^ 0x10 } else { *byte }).collect();
            for damaged in [&flipped, &content[..place].to_vec()] {
                for (number, (path, content)) in whole.iter().enumerate() {
                    fs::write(path, if number == at { damaged } else { content }).expect("it can be written");
                }
                for round in 0..2 {
                    let inner = Arc::new(Counting::new());
                    let made = embed(&cached(&inner, &home), &texts, Purpose::Passage).await;
                    assert_eq!(made, expected, "file {at}, byte {place}");
                    assert!(round == 0 || inner.texts() == 0, "file {at}, byte {place} is not made good");
                }
                cases += 1;
            }
        }
    }
    assert!(cases > 300, "{cases} cases");
}

#[tokio::test]
async fn the_oldest_vectors_go_when_room_runs_out() {
    let (home, texts) = (folder(), texts(0..2000));
    let options = CacheOptions { disk_bytes: MIB, ..options(home.path()) };
    let inner = Arc::new(Counting::new());
    let open = || with(&inner, options.clone());
    embed(&open(), &texts, Purpose::Passage).await;
    let size = || files(&home).iter().map(|file| file.metadata().expect("it is there").len()).sum::<u64>();
    assert!((MIB * 3 / 4..=MIB).contains(&size()), "{} bytes", size());
    embed(&open(), &texts[1500..], Purpose::Passage).await;
    assert_eq!(inner.texts(), 2000, "the newest are remembered");
    embed(&open(), &texts[..100], Purpose::Passage).await;
    assert_eq!(inner.texts(), 2100, "the oldest are not");
    let less = CacheOptions { disk_bytes: MIB / 2, ..options.clone() };
    embed(&with(&inner, less), &texts[..1], Purpose::Passage).await;
    assert!(size() <= MIB / 2, "{} bytes", size());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_callers_some_of_whom_give_up_all_get_the_truth() {
    let (home, texts) = (folder(), Arc::new(texts(0..20_000)));
    let expected = Arc::new(truth(&texts).await);
    let inner = Arc::new(Counting::new());
    // More than memory holds and less than all, so that segments are read and go at the same time.
    let cache = Arc::new(with(&inner, CacheOptions { disk_bytes: 24 * MIB, ..options(home.path()) }));
    let callers = (0..16).map(|caller: usize| {
        let (cache, texts, expected) = (Arc::clone(&cache), Arc::clone(&texts), Arc::clone(&expected));
        tokio::spawn(async move {
            for round in 0..40 {
                let start = (caller * 3331 + round * 997) % 19_600;
                let range = start..start + 1 + (caller * 7 + round * 131) % 400;
                let cancel = CancellationToken::new();
                let call = cache.embed(texts[range.clone()].to_vec(), Purpose::Passage, &cancel);
                if (caller + round).is_multiple_of(5) {
                    // Cancelled while it waits for the first time, which is when it looks things up.
                    let (made, ()) = tokio::join!(call, async { cancel.cancel() });
                    assert!(made.is_ok() || matches!(made, Err(InferenceError::Cancelled)));
                } else {
                    assert_eq!(bits(&call.await.expect("texts are embedded")), expected[range]);
                }
            }
        })
    });
    for caller in callers.collect::<Vec<_>>() {
        caller.await.expect("no caller panics");
    }
}

#[tokio::test]
async fn a_second_process_computes_and_waits_for_nobody() {
    let (folder, texts) = (folder(), texts(0..5));
    let (first, second) = (Arc::new(Counting::new()), Arc::new(Counting::new()));
    let (holder, other) = (cached(&first, &folder), cached(&second, &folder));
    embed(&holder, &texts, Purpose::Passage).await;
    assert_eq!(embed(&other, &texts, Purpose::Passage).await, truth(&texts).await);
    assert_eq!(second.texts(), 5);
    assert_eq!(embed(&other, &texts, Purpose::Passage).await, truth(&texts).await);
    assert_eq!(second.texts(), 5, "memory is its own");
}

#[tokio::test]
async fn a_folder_that_cannot_be_used_costs_nothing_but_the_memory_of_it() {
    let (home, texts) = (folder(), texts(0..5));
    fs::write(home.path().join("embeddings"), "a file where the folder should be").expect("writable");
    let inner = Arc::new(Counting::new());
    let cache = cached(&inner, &home);
    assert_eq!(embed(&cache, &texts, Purpose::Passage).await, truth(&texts).await);
    let gone = folder();
    let cache = with(&inner, CacheOptions { disk_bytes: MIB, ..options(gone.path()) });
    embed(&cache, &texts, Purpose::Passage).await;
    fs::remove_dir_all(gone.path().join("embeddings")).expect("it can be removed");
    let many = self::texts(10..1000);
    assert_eq!(embed(&cache, &many, Purpose::Passage).await, truth(&many).await);
}

#[tokio::test]
async fn switched_off_it_remembers_nothing() {
    let (folder, texts) = (folder(), texts(0..2));
    let inner = Arc::new(Counting::new());
    let options = CacheOptions { disk_bytes: 0, query_bytes: 0, ..options(folder.path()) };
    let cache = with(&inner, options);
    for _ in 0..2 {
        for purpose in [Purpose::Passage, Purpose::Query] {
            embed(&cache, &texts, purpose).await;
        }
    }
    assert_eq!(inner.texts(), 8);
    assert!(!folder.path().join("embeddings").exists());
}

#[tokio::test]
async fn a_wrong_number_of_vectors_is_an_error() {
    struct Short(MockEmbedder);
    #[async_trait]
    impl Embedder for Short {
        fn info(&self) -> &ModelInfo {
            self.0.info()
        }
        async fn embed(
            &self,
            _: Vec<String>,
            _: Purpose,
            _: &CancellationToken,
        ) -> Result<Vec<Vec<f32>>, InferenceError> {
            Ok(vec![vec![1.0; 384]])
        }
        fn tokens(&self) -> Arc<dyn TokenCounter> {
            self.0.tokens()
        }
    }
    let folder = folder();
    let cache = CachedEmbedder::new(Arc::new(Short(MockEmbedder::new())), EmbeddingCache::new(options(folder.path())));
    let made = cache.embed(texts(0..2), Purpose::Passage, &CancellationToken::new()).await;
    assert!(matches!(made, Err(InferenceError::Unavailable(_))));
}

#[tokio::test]
async fn an_embedder_that_becomes_another_variant_on_the_way_gets_keys_of_its_own() {
    /// Computes on a card until its first call, and on the processor from then on.
    struct Moving(Counting, AtomicUsize);
    #[async_trait]
    impl Embedder for Moving {
        fn info(&self) -> &ModelInfo {
            self.0.info()
        }
        async fn embed(
            &self,
            texts: Vec<String>,
            purpose: Purpose,
            cancel: &CancellationToken,
        ) -> Result<Vec<Vec<f32>>, InferenceError> {
            self.1.store(1, Ordering::Relaxed);
            self.0.embed(texts, purpose, cancel).await
        }
        fn variant(&self) -> &str {
            ["card", "processor"][self.1.load(Ordering::Relaxed)]
        }
        fn tokens(&self) -> Arc<dyn TokenCounter> {
            self.0.tokens()
        }
    }
    let folder = folder();
    let moving = Arc::new(Moving(Counting::new(), AtomicUsize::new(0)));
    let cache =
        CachedEmbedder::new(Arc::clone(&moving) as Arc<dyn Embedder>, EmbeddingCache::new(options(folder.path())));
    let expected = truth(&texts(0..3)).await;
    for computed in [3, 6, 6] {
        assert_eq!(embed(&cache, &texts(0..3), Purpose::Passage).await, expected);
        assert_eq!(moving.0.texts(), computed, "what the first call made is not remembered as the card's");
    }
}
