//! Passages that come back, stay or are renamed while their points are changed.

mod scripted;
mod stage;

use stage::{Moment, Stage};

#[tokio::test]
async fn a_passage_that_comes_back_while_its_orphan_is_removed_keeps_its_point() {
    let stage = Stage::new().await;
    stage.row_comes().await;
    let (vanishing, returning) = (stage.clone(), stage.clone());
    // The row goes while the passage is embedded, and comes back while the point is removed.
    stage.at(Moment::Upsert, async move { vanishing.row_goes().await });
    stage.at(Moment::Delete, async move {
        returning.row_comes().await;
        returning.meanwhile(returning.clone().embed()).await;
    });
    stage.clone().embed().await;
    stage.settle().await;
    assert!(stage.is_played());
    assert_eq!((stage.is_marked().await, stage.has_point().await), (Some(true), true));
}

#[tokio::test]
async fn a_passage_that_is_about_to_be_marked_keeps_its_point() {
    let stage = Stage::new().await;
    stage.row_comes().await;
    let other = stage.clone();
    // Between point and mark the row is gone for a moment, and somebody takes the point for an orphan.
    stage.at(Moment::Flush, async move {
        other.row_goes().await;
        other.meanwhile(other.clone().drop_orphan()).await;
        other.row_comes().await;
    });
    stage.clone().embed().await;
    stage.settle().await;
    assert!(stage.is_played());
    assert_eq!((stage.is_marked().await, stage.has_point().await), (Some(true), true));
}

#[tokio::test]
async fn a_row_that_stays_although_its_point_went_says_so() {
    let stage = Stage::new().await;
    stage.row_comes().await;
    stage.clone().embed().await;
    let other = stage.clone();
    // A stop at this moment leaves a point too many, never one too few.
    stage.at(Moment::Delete, async move { assert_eq!(other.is_marked().await, Some(false)) });
    stage.withdraw().await;
    assert!(stage.is_played() && !stage.has_point().await);
    // The document is read again, and the passage is in it after all.
    stage.row_comes().await;
    stage.clone().embed().await;
    assert_eq!((stage.is_marked().await, stage.has_point().await), (Some(true), true));
}

#[tokio::test]
async fn a_point_whose_row_went_while_it_was_embedded_goes() {
    let stage = Stage::new().await;
    stage.row_comes().await;
    let other = stage.clone();
    stage.at(Moment::Upsert, async move { other.row_goes().await });
    stage.clone().embed().await;
    assert!(stage.is_played());
    assert_eq!((stage.is_marked().await, stage.has_point().await), (None, false));
}

#[tokio::test]
async fn a_passage_is_found_by_a_name_that_changed_while_it_was_embedded() {
    let stage = Stage::new().await;
    stage.row_comes().await;
    let other = stage.clone();
    stage.at(Moment::Upsert, async move { other.meanwhile(other.clone().rename("zebra.txt")).await });
    stage.clone().embed().await;
    stage.settle().await;
    assert!(stage.is_played());
    assert_eq!((stage.found_by("zebra").await, stage.found_by("old").await), (1, 0));
}
