//! The conformance suite on this engine, and what only this engine promises.

mod damage;

use std::path::PathBuf;
use std::sync::Arc;

use crate::IndexEngine;
use crate::conformance::{CASES, Site};

struct Folder(PathBuf);

impl Site for Folder {
    fn start(&self) -> Arc<dyn IndexEngine> {
        super::open(&self.0).expect("the engine opens")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_embedded_engine_keeps_every_promise() {
    for case in CASES.iter().copied().flatten() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        println!("{}", case.name);
        (case.run)(Arc::new(Folder(folder.path().join("index")))).await;
    }
}
