//! Children that hang, die and eat memory cost one document and nothing else.

use std::path::Path;
use std::time::{Duration, Instant};

use semantik_core::document::SkipReason;
use semantik_ingest::IngestError;
use semantik_ingest::extract::{Extracted, ExtractorPool, Limits, Outcome, PoolOptions, Request};
use tokio_util::sync::CancellationToken;

fn pool(scratch: &Path, limits: Limits) -> ExtractorPool {
    let options = PoolOptions::of_this_program(scratch.to_owned(), limits, 2).expect("the program has a name");
    ExtractorPool::new(PoolOptions {
        command: env!("CARGO_BIN_EXE_semantik-extract-child").into(),
        args: Vec::new(),
        idle: Duration::from_millis(200),
        ..options
    })
}

async fn extract(pool: &ExtractorPool, folder: &Path, name: &str) -> Result<Extracted, IngestError> {
    let request = Request { path: folder.join("a.txt"), name: name.to_owned(), depth: 0, careful: false };
    pool.extract(request, &CancellationToken::new()).await
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("a.txt"), "The heron waits.").expect("can write");
    folder
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_breaks_a_limit_leaves_the_pool_usable() {
    let folder = folder();
    let limits = Limits { seconds: 2, memory_bytes: 1 << 30, ..Limits::default() };
    let pool = pool(&folder.path().join("scratch"), limits);
    let hung = extract(&pool, folder.path(), ".semantik-test-hang").await;
    assert!(matches!(hung, Err(IngestError::Timeout { seconds: 2 })), "{hung:?}");
    let starved = extract(&pool, folder.path(), ".semantik-test-memory").await;
    assert!(matches!(starved, Err(IngestError::Memory { mib: 1024 })), "{starved:?}");
    let dead = extract(&pool, folder.path(), ".semantik-test-abort").await;
    assert!(matches!(dead, Err(IngestError::Crashed(_))), "{dead:?}");
    let panicked = extract(&pool, folder.path(), ".semantik-test-panic").await;
    assert!(matches!(&panicked, Err(IngestError::Crashed(why)) if why == "a parser panicked"), "{panicked:?}");
    let fine = extract(&pool, folder.path(), ".semantik-test-print").await.expect("printing does no harm");
    assert!(matches!(fine.outcome, Outcome::Text(text) if text.text == "The heron waits."));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_stops_a_child_at_once() {
    let folder = folder();
    let pool = pool(&folder.path().join("scratch"), Limits::default());
    let cancel = CancellationToken::new();
    let request =
        Request { path: folder.path().join("a.txt"), name: ".semantik-test-hang".to_owned(), depth: 0, careful: false };
    let mut extraction = std::pin::pin!(pool.extract(request, &cancel));
    let early = tokio::time::timeout(Duration::from_millis(300), &mut extraction).await;
    assert!(early.is_err(), "the child was told to hang");
    cancel.cancel();
    let begun = Instant::now();
    assert!(matches!(extraction.await, Err(IngestError::Cancelled)));
    assert!(begun.elapsed() < Duration::from_secs(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_are_gone_large_or_empty_say_so() {
    let folder = folder();
    std::fs::write(folder.path().join("empty"), "").expect("can write");
    std::fs::write(folder.path().join("large"), vec![b'a'; 4096]).expect("can write");
    let pool = pool(&folder.path().join("scratch"), Limits { file_bytes: 1024, ..Limits::default() });
    let one = |name: &str| Request { path: folder.path().join(name), name: name.to_owned(), depth: 0, careful: false };
    let cancel = CancellationToken::new();
    assert!(matches!(pool.extract(one("gone"), &cancel).await, Err(IngestError::Vanished)));
    assert!(matches!(pool.extract(one("."), &cancel).await, Err(IngestError::Unreadable(_))));
    let empty = pool.extract(one("empty"), &cancel).await.expect("is read");
    assert!(matches!(empty.outcome, Outcome::Skipped { policy: SkipReason::Empty, .. }));
    let large = pool.extract(one("large"), &cancel).await.expect("is hashed");
    assert!(matches!(large.outcome, Outcome::Skipped { policy: SkipReason::TooLarge, .. }));
    assert_eq!((large.size, large.content_hash.len()), (4096, 64));
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_children_end() {
    let folder = folder();
    let pool = pool(&folder.path().join("scratch"), Limits::default());
    extract(&pool, folder.path(), "a.txt").await.expect("is read");
    assert_eq!(pool.idle_children(), 1);
    let mut look = tokio::time::interval(Duration::from_millis(20));
    let gone = async {
        while pool.idle_children() > 0 {
            look.tick().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), gone).await.expect("an idle child ends");
}

#[tokio::test(flavor = "multi_thread")]
async fn code_comes_with_its_syntax_unless_care_is_asked_for_or_it_is_too_deep_or_large() {
    let folder = folder();
    let pool = pool(&folder.path().join("scratch"), Limits::default());
    let function = "fn wait() {\n    one();\n}\n".to_owned();
    let deep: String = (0..520).map(|depth| format!("{}if x:\n", " ".repeat(depth))).collect();
    let large = function.repeat((5 << 20) / function.len());
    for (name, source, careful, with_syntax) in [
        ("a.rs", &function, false, true),
        ("a.rs", &function, true, false),
        ("deep.py", &deep, false, false),
        ("large.rs", &large, false, false),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, source).expect("can write");
        let request = Request { path, name: name.to_owned(), depth: 0, careful };
        let extracted = pool.extract(request, &CancellationToken::new()).await.expect("is read");
        let Outcome::Text(text) = extracted.outcome else { panic!("{name} has text") };
        assert_eq!((text.text == *source, text.syntax.is_some()), (true, with_syntax), "{name}, careful: {careful}");
    }
}
