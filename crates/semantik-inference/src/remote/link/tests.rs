//! Waiting and giving up, on a paused clock and without a network.

use std::sync::atomic::{AtomicUsize, Ordering};

use reqwest::StatusCode;
use semantik_core::Provider;
use tokio::time::advance;

use super::{Answer, Duration, Failed, Fault, Instant, Link, Patience, RemoteOptions, sleep};
use crate::remote::hints::Hints;
use crate::{InferenceError, Purpose};

const SECOND: Duration = Duration::from_secs(1);

fn link() -> Link {
    let patience = Patience { passages: 60 * SECOND, query: 10 * SECOND, attempts: 4, ..Patience::default() };
    Link::new(&RemoteOptions { patience, ..RemoteOptions::new(Provider::OpenAi, "m") }, "host")
}

fn answer(status: u16, hints: Hints) -> Result<Answer, Fault> {
    let status = StatusCode::from_u16(status).expect("a status");
    Ok(Answer { status, hints, moved: None, made: None, body: b"{}".to_vec() })
}

fn wait(seconds: u32) -> Hints {
    Hints { retry_after: Some(seconds * SECOND), ..Hints::default() }
}

/// Sends through `link` what `answers` says for each attempt; with the number of attempts.
async fn call(
    link: &Link,
    purpose: Purpose,
    answers: impl Fn(usize) -> Result<Answer, Fault> + Sync,
) -> (Result<Answer, Failed>, usize) {
    let sent = AtomicUsize::new(0);
    let result = link.call(purpose, || std::future::ready(answers(sent.fetch_add(1, Ordering::Relaxed)))).await;
    (result, sent.into_inner())
}

#[tokio::test(start_paused = true)]
async fn a_pause_for_one_call_holds_back_the_others() {
    let (link, start) = (link(), Instant::now());
    let limited = call(&link, Purpose::Passage, |attempt| match attempt {
        0 => answer(429, wait(7)),
        _ => answer(200, Hints::default()),
    });
    let other = async {
        sleep(SECOND).await;
        call(&link, Purpose::Query, |_| answer(200, Hints::default())).await
    };
    let ((limited, sent), (other, once)) = tokio::join!(limited, other);
    assert!(limited.is_ok() && other.is_ok());
    assert_eq!((sent, once), (2, 1));
    assert!((7.0..7.2).contains(&start.elapsed().as_secs_f64()));
}

#[tokio::test(start_paused = true)]
async fn an_allowance_used_up_by_a_success_holds_back_the_next_call() {
    let (link, start) = (link(), Instant::now());
    let hints = Hints { exhausted: Some(3 * SECOND), ..Hints::default() };
    assert!(call(&link, Purpose::Query, |_| answer(200, hints)).await.0.is_ok());
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert!(call(&link, Purpose::Query, |_| answer(200, Hints::default())).await.0.is_ok());
    assert!(start.elapsed() >= 3 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_query_gives_up_where_a_passage_waits() {
    let link = link();
    let limited = |attempt| if attempt == 0 { answer(429, wait(20)) } else { answer(200, Hints::default()) };
    let (query, sent) = call(&link, Purpose::Query, limited).await;
    let Err(Failed::Final(InferenceError::RateLimited { retry_after, .. })) = query else { panic!("{query:?}") };
    assert_eq!((retry_after, sent), (20 * SECOND, 1));
    assert!(call(&link, Purpose::Passage, |_| answer(200, Hints::default())).await.0.is_ok());
}

#[tokio::test(start_paused = true)]
async fn attempts_and_pauses_have_an_end() {
    let (link, start) = (link(), Instant::now());
    let (result, sent) = call(&link, Purpose::Passage, |_| answer(500, Hints::default())).await;
    assert!(matches!(result, Err(Failed::Final(InferenceError::Unreachable { .. }))), "{result:?}");
    assert_eq!(sent, 4);
    // Pauses of a half, one and two seconds, each shortened by up to a half.
    assert!((1.75..=3.5).contains(&start.elapsed().as_secs_f64()), "{:?}", start.elapsed());
    let (result, sent) = call(&link, Purpose::Passage, |_| answer(429, Hints::default())).await;
    assert!(matches!(result, Err(Failed::Final(InferenceError::RateLimited { .. }))), "{result:?}");
    assert_eq!(sent, 4);
}

#[tokio::test(start_paused = true)]
async fn a_silent_server_ends_with_patience() {
    let (link, start) = (link(), Instant::now());
    let result = link.call(Purpose::Query, std::future::pending).await;
    assert!(matches!(result, Err(Failed::Final(InferenceError::Unreachable { .. }))), "{result:?}");
    assert_eq!(start.elapsed(), 10 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn after_a_rest_one_call_finds_the_server_well() {
    let link = link();
    let broken = |_| Err(Fault::Broken("connection refused".into()));
    let (_, first) = call(&link, Purpose::Passage, broken).await;
    let (second, sent) = call(&link, Purpose::Passage, broken).await;
    assert_eq!((first, sent), (4, 1));
    let Err(Failed::Final(InferenceError::CircuitOpen { since, until, why, .. })) = second else {
        panic!("{second:?}")
    };
    assert!(since < until && why == "connection refused");
    advance(31 * SECOND).await;
    let (result, sent) = call(&link, Purpose::Passage, |_| answer(200, Hints::default())).await;
    assert!(result.is_ok() && sent == 1);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_no_failure_of_the_server() {
    let link = link();
    for _ in 0..9 {
        let (result, sent) = call(&link, Purpose::Passage, |_| answer(400, Hints::default())).await;
        assert!(matches!(result, Err(Failed::Rejected(_))) && sent == 1, "{result:?}");
    }
}
