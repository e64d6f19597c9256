//! Files that end early or hold other bytes than were written: what is left is whole, and the
//! points that are not left are not listed, so that they are added again.

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use semantik_core::id::{ChunkId, DocumentId, IndexId};
use uuid::Uuid;

use crate::{Index, IndexError, Point};

const POINTS: u128 = 20;

fn point(id: u128) -> Point {
    let mut state = id as u64;
    let vector = (0..64).map(|_| crate::embedded::testing::uniform(&mut state)).collect();
    let (id, document) = (ChunkId(Uuid::from_u128(id)), DocumentId(Uuid::from_u128(id % 3)));
    Point { id, document, vector, text: format!("word number{}", id.0.as_u128()), context: String::new() }
}

async fn open(folder: &Path) -> Result<Arc<dyn Index>, IndexError> {
    crate::open(folder)?.open(IndexId(Uuid::from_u128(1)), 64).await
}

/// Fills an index, spoils one of its files, and checks that it heals.
async fn check(file: &str, spoil: fn(&Path)) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let index = open(folder.path()).await.expect("the index opens");
    index.upsert((1..=POINTS).map(point).collect()).await.expect("upsert");
    index.delete_points(&[ChunkId(Uuid::from_u128(3))]).await.expect("delete");
    index.flush().await.expect("flush");
    drop(index);
    let home = IndexId(Uuid::from_u128(1)).to_string();
    spoil(&folder.path().join(home).join(file));

    for round in 0..2 {
        let index = open(folder.path()).await.expect("the index heals");
        let listed = index.points(None, 100).await.expect("points");
        let stats = index.stats().await.expect("stats");
        assert_eq!((stats.dense_points, stats.lexical_points), (listed.len() as u64, listed.len() as u64), "{file}");
        assert!(listed.iter().all(|(id, _)| id.0.as_u128() != 3), "{file}: what was deleted stays deleted");
        assert!(round == 0 || listed.len() == 19, "{file}: {}", listed.len());
        let missing = (1..=POINTS).filter(|id| *id != 3 && !listed.iter().any(|(listed, _)| listed.0.as_u128() == *id));
        index.upsert(missing.map(point).collect()).await.expect("upsert");
        index.flush().await.expect("flush");
        for id in (1..=POINTS).filter(|id| *id != 3) {
            let hits = index.search_dense(&point(id).vector, 1, &None).await.expect("search");
            assert_eq!(hits[0].id, point(id).id, "{file}");
            let hits = index.search_lexical(&format!("number{id}"), 10, &None).await.expect("search");
            assert_eq!((hits.len(), hits[0].id), (1, point(id).id), "{file}");
        }
    }
}

fn cut(path: &Path) {
    let file = OpenOptions::new().write(true).open(path).expect("the file opens");
    let length = file.metadata().expect("metadata").len();
    file.set_len(length - 3).expect("the file is cut");
}

fn flip(path: &Path) {
    let mut content = fs::read(path).expect("the file is read");
    let last = content.len() - 3;
    content[last] ^= 0x55;
    fs::write(path, content).expect("the file is written");
}

fn flip_middle(path: &Path) {
    let mut content = fs::read(path).expect("the file is read");
    let middle = content.len() / 2;
    content[middle] ^= 0x55;
    fs::write(path, content).expect("the file is written");
}

fn grow(path: &Path) {
    let mut content = fs::read(path).expect("the file is read");
    content.extend_from_slice(&[7; 55]);
    fs::write(path, content).expect("the file is written");
}

fn remove(path: &Path) {
    fs::remove_file(path).expect("the file is removed");
}

fn remove_folder(path: &Path) {
    fs::remove_dir_all(path).expect("the folder is removed");
}

#[tokio::test]
async fn a_damaged_dense_file_costs_only_the_points_it_held() {
    for file in ["dense-0/bits", "dense-0/codes", "dense-0/rows", "dense-0/commit"] {
        for spoil in [cut, flip, flip_middle, grow, remove] {
            check(file, spoil).await;
        }
    }
}

#[tokio::test]
async fn a_missing_part_is_filled_again() {
    check("words", remove_folder).await;
    check("dense-0", remove_folder).await;
}

#[tokio::test]
async fn a_damaged_meta_file_is_named() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    drop(open(folder.path()).await.expect("the index opens"));
    let path: PathBuf = folder.path().join(IndexId(Uuid::from_u128(1)).to_string()).join("meta.json");
    flip_middle(&path);
    assert!(matches!(open(folder.path()).await.err(), Some(IndexError::Corrupt(_))));
}

#[tokio::test]
async fn an_unfinished_compaction_is_cleared_away() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    drop(open(folder.path()).await.expect("the index opens"));
    let home = folder.path().join(IndexId(Uuid::from_u128(1)).to_string());
    fs::create_dir(home.join("dense-1")).expect("the folder is made");
    fs::write(home.join("dense-1/bits"), "half").expect("the file is written");
    drop(open(folder.path()).await.expect("the index opens"));
    assert!(!home.join("dense-1").exists() && home.join("dense-0").exists());
}
