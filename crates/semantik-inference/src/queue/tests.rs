//! The queue without threads: batches are taken and answered by hand.

use std::sync::Arc;

use futures::poll;

use super::Queue;
use crate::{InferenceError, Purpose};

type Calls = Queue<String>;

fn queue(most: usize) -> (Calls, Arc<String>) {
    (Queue::new(1, most), Arc::default())
}

/// `count` texts of ten tokens, each of which is the text's number.
fn texts(count: u32) -> Vec<Vec<u32>> {
    (0..count).map(|number| vec![number; 10]).collect()
}

/// Takes a batch and answers each text with its number; what the batch was for.
fn answer(queue: &Calls, tokens: usize) -> Option<Purpose> {
    let (batch, purpose) = queue.waiting().take(|_| tokens)?;
    let vector = |text: &Vec<u32>| Ok::<_, InferenceError>(vec![text[0] as f32]);
    assert!(batch.answer(purpose, |_, texts| texts.iter().map(vector).collect()));
    Some(purpose)
}

#[tokio::test]
async fn passages_get_their_turn_under_any_load_of_queries() {
    let (queue, model) = queue(1000);
    let run = |count, purpose| Box::pin(queue.run(&model, texts(count), purpose, |_| 0));
    let mut passages = run(1, Purpose::Passage);
    assert!(poll!(&mut passages).is_pending());
    let mut queries: Vec<_> = (0..40).map(|_| run(1, Purpose::Query)).collect();
    for query in &mut queries {
        assert!(poll!(query).is_pending());
    }
    let order: Vec<_> = std::iter::from_fn(|| answer(&queue, 10)).collect();
    let turn = order.iter().position(|purpose| *purpose == Purpose::Passage);
    assert_eq!((order.len(), turn), (41, Some(16)));
    assert_eq!(passages.await.expect("it was answered"), [[0.0]]);
}

#[tokio::test]
async fn vectors_come_back_in_the_order_of_the_texts() {
    let (queue, model) = queue(1000);
    let lengths = [3, 300, 1, 200, 90, 0, 256];
    let ids = || lengths.map(|length| vec![length; length as usize]).to_vec();
    let mut call = Box::pin(queue.run(&model, ids(), Purpose::Passage, |_| 0));
    assert!(poll!(&mut call).is_pending());
    while let Some((batch, purpose)) = { queue.waiting().take(|_| 256) } {
        let vector = |text: &Vec<u32>| Ok::<_, InferenceError>(vec![text.len() as f32]);
        batch.answer(purpose, |_, texts| texts.iter().map(vector).collect());
    }
    assert_eq!(call.await.expect("it was answered"), lengths.map(|length| vec![length as f32]));
}

#[tokio::test]
async fn a_panic_and_an_error_reach_those_they_concern() {
    let (queue, model) = queue(1000);
    let run = |count| Box::pin(queue.run(&model, texts(count), Purpose::Passage, |_| 0));
    let (mut bad, mut good) = (run(2), run(1));
    assert!(poll!(&mut bad).is_pending() && poll!(&mut good).is_pending());
    let (batch, purpose) = queue.waiting().take(|_| 100).expect("both wait");
    let cancelled = || Err(InferenceError::Cancelled);
    assert!(batch.answer(purpose, |_, _| vec![cancelled(), Ok(vec![7.0]), Ok(vec![8.0])]));
    assert!(matches!(bad.await, Err(InferenceError::Cancelled)));
    assert_eq!(good.await.expect("it is another call"), [[8.0]]);

    let mut lost = run(3);
    assert!(poll!(&mut lost).is_pending());
    let (batch, purpose) = queue.waiting().take(|_| 100).expect("it waits");
    assert!(!batch.answer::<InferenceError>(purpose, |_, _| panic!("a defect")));
    assert!(matches!(lost.await, Err(InferenceError::Unavailable(_))));
}

#[tokio::test]
async fn too_few_results_are_an_error_and_not_a_shorter_answer() {
    let (queue, model) = queue(1000);
    let mut call = Box::pin(queue.run(&model, texts(3), Purpose::Query, |_| 0));
    assert!(poll!(&mut call).is_pending());
    let (batch, purpose) = queue.waiting().take(|_| 100).expect("it waits");
    batch.answer(purpose, |_, _| vec![Ok::<_, InferenceError>(vec![1.0])]);
    assert!(matches!(call.await, Err(InferenceError::Unavailable(_))));
}

#[tokio::test]
async fn a_full_line_refuses_and_a_large_call_holds_up_nobody() {
    let (queue, model) = queue(50);
    let run = |count| Box::pin(queue.run(&model, texts(count), Purpose::Query, |_| 0));
    let (mut large, mut small) = (run(100), run(5));
    assert!(poll!(&mut large).is_pending() && poll!(&mut small).is_pending());
    assert!(matches!(run(1).await, Err(InferenceError::Busy { .. })));
    drop(small);
    let mut next = run(5);
    assert!(poll!(&mut next).is_pending());
    drop((large, next));
    assert!(queue.waiting().is_empty());
}
