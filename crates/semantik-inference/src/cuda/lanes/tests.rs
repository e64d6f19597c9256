//! Lanes on the emulated card: who is answered with what, in which order, and what becomes of trouble.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use futures::poll;
use semantik_core::collection::Quantization;

use super::{Answer, Lane, Lanes};
use crate::cuda::emulator::Emulator;
use crate::cuda::family::Family;
use crate::cuda::fault::Fault;
use crate::cuda::model::{Model, form};
use crate::cuda::product::Tier;
use crate::cuda::scratch::Scratch;
use crate::local::embed::Compute;
use crate::local::model::Task;
use crate::local::settings::Settings;
use crate::{InferenceError, Purpose};

fn loaded() -> (Model, Emulator) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tiny/bert");
    let settings = Settings::read(&folder).expect("the folder is a model");
    let family = Family::of(&folder, &settings).expect("a card computes it");
    let card = Emulator::new(form(family, Quantization::Float16));
    let model = Model::load(&card, &folder, &settings, Quantization::Float16, Task::Embed);
    (model.expect("the weights load"), card)
}

/// What a lane of its own makes of `texts`.
fn alone(model: &Model, card: &Emulator, texts: &[Vec<u32>]) -> Vec<Answer> {
    Lane::new(card, &[Mutex::default()], 0).answers(model, texts, Tier::Passages)
}

fn texts(count: u32, length: usize) -> Vec<Vec<u32>> {
    (0..count).map(|at| vec![at % 9 + 5; length]).collect()
}

#[test]
fn full_memory_halves_the_unit_and_loses_no_text() {
    let (model, mut card) = loaded();
    let texts = texts(20, 60);
    let expected = alone(&model, &card, &texts);
    card.largest = 100_000;
    let rooms = [Mutex::default()];
    let mut lane = Lane::new(&card, &rooms, 0);
    assert_eq!(lane.answers(&model, &texts, Tier::Passages), expected);
    assert!(lane.budget.tokens() < 1200, "{:?}", lane.budget);
    card.largest = 1_000;
    assert_eq!(alone(&model, &card, &texts[..2]), [Err(Fault::Memory), Err(Fault::Memory)]);
}

#[test]
fn memory_that_another_lane_keeps_is_given_back_before_a_text_is_refused() {
    let (model, card) = loaded();
    let texts = texts(20, 60);
    let expected = alone(&model, &card, &texts);
    let rooms: [Mutex<Scratch>; 2] = Default::default();
    let (mut first, mut second) = (Lane::new(&card, &rooms, 0), Lane::new(&card, &rooms, 1));
    assert_eq!(first.answers(&model, &texts, Tier::Passages), expected);
    // The first lane has taken all there is.
    card.free.store(0, Ordering::SeqCst);
    assert_eq!(second.answers(&model, &texts[..1], Tier::Passages), expected[..1]);
    assert_eq!(second.answers(&model, &texts, Tier::Passages), expected);
    assert_eq!(first.answers(&model, &texts, Tier::Passages), expected);
}

#[tokio::test]
async fn texts_of_many_callers_come_back_to_each_in_order() {
    let (model, card) = loaded();
    let texts: Vec<Vec<u32>> = (1..40).map(|at| vec![at as u32 % 9 + 5; 1 + 7 * at % 50]).collect();
    let expected: Vec<_> = alone(&model, &card, &texts).into_iter().map(|answer| answer.expect("it runs")).collect();
    let lanes = Lanes::start(model, vec![card], 1 << 16).expect("threads are given");
    let calls = (0..3).map(|_| lanes.run(texts.clone(), Purpose::Passage));
    for found in futures::future::join_all(calls).await {
        assert_eq!(found.expect("it runs"), expected);
    }
    assert!(lanes.run(Vec::new(), Purpose::Query).await.expect("it runs").is_empty());
}

#[tokio::test]
async fn what_waits_for_a_card_is_bounded_and_a_caller_that_leaves_frees_its_share() {
    let (model, card) = loaded();
    let lanes = Lanes::start(model, Vec::<Emulator>::new(), 1000).expect("no thread is needed");
    let run = |count, purpose| Box::pin(lanes.run(texts(count, 50), purpose));
    // Larger than the bound, and first in an empty line.
    let mut large = run(100, Purpose::Passage);
    assert!(poll!(&mut large).is_pending());
    let mut small = run(20, Purpose::Passage);
    assert!(poll!(&mut small).is_pending(), "the largest call does not count against others");
    let Err(InferenceError::Busy { retry_after }) = run(1, Purpose::Passage).await else {
        panic!("the line is full");
    };
    assert!(retry_after.as_secs() >= 1);
    let mut query = run(1, Purpose::Query);
    assert!(poll!(&mut query).is_pending(), "queries have their own line");
    drop(large);
    let mut next = run(1, Purpose::Passage);
    assert!(poll!(&mut next).is_pending(), "there is room again");
    drop(small);

    let rooms = [Mutex::default()];
    let mut lane = Lane::new(&card, &rooms, 0);
    let mut order = Vec::new();
    for _ in 0..2 {
        let (batch, purpose) = lanes.queue.next(lane.budget.tokens()).expect("a batch waits");
        order.push((purpose, batch.tokens()));
        lane.run(batch, purpose);
    }
    assert_eq!(order, [(Purpose::Query, 50), (Purpose::Passage, 50)], "what left is not computed");
    assert_eq!(next.await.expect("it ran").len(), 1);
    assert_eq!(query.await.expect("it ran").len(), 1);
}

#[tokio::test]
async fn a_text_that_fails_fails_its_own_call_only() {
    let (model, card) = loaded();
    let lanes = Lanes::start(model, Vec::<Emulator>::new(), 1 << 16).expect("no thread is needed");
    let mut unknown = Box::pin(lanes.run(vec![vec![5, u32::MAX >> 1]], Purpose::Passage));
    assert!(poll!(&mut unknown).is_pending());
    let rooms = [Mutex::default()];
    let mut lane = Lane::new(&card, &rooms, 0);
    let (batch, purpose) = lanes.queue.next(lane.budget.tokens()).expect("a batch waits");
    lane.run(batch, purpose);
    let said = unknown.await.expect_err("no such token").to_string();
    assert!(said.contains("vocabulary"), "{said}");
}

#[tokio::test]
async fn the_cards_memory_is_free_again_once_the_lanes_are_dropped() {
    let (model, card) = loaded();
    let free = Arc::clone(&card.free);
    let before = free.load(Ordering::SeqCst);
    let lanes = Lanes::start(model, vec![card], 1 << 16).expect("threads are given");
    assert_eq!(lanes.run(texts(3, 9), Purpose::Query).await.expect("it runs").len(), 3);
    drop(lanes);
    assert!(free.load(Ordering::SeqCst) > before, "weights and buffers have gone");
}
