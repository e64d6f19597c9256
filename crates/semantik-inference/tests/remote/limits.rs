//! Requests of the right size, several at once, none in the way of a query.

use std::sync::Arc;

use semantik_core::Provider;
use semantik_inference::remote::{RemoteEmbedder, RemoteOptions, Truncation};
use semantik_inference::{Embedder, InferenceError, Purpose};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::server::{Reply, Server, assert_near, error, openai, owned, texts, unit};

fn embedder(options: RemoteOptions) -> RemoteEmbedder {
    RemoteEmbedder::new_unchecked(options, 2).expect("good options")
}

/// Texts of different lengths.
fn many(count: usize) -> Vec<String> {
    (1..=count).map(|length| "x".repeat(length)).collect()
}

#[tokio::test]
async fn requests_keep_to_the_size_and_answers_to_the_order() {
    // What is asked first is answered last.
    let gates: Vec<Arc<Semaphore>> = (0..4).map(|_| Arc::new(Semaphore::new(0))).collect();
    let held = gates.clone();
    let server = Server::start(move |asked, _| {
        let first = texts(asked, "input")[0].len();
        Reply::After(Arc::clone(&held[first / 3]), Box::new(openai(asked)))
    })
    .await;
    let embedder = embedder(RemoteOptions { batch_size: Some(3), ..server.options(Provider::OpenAi) });
    let cancel = CancellationToken::new();
    let work = embedder.embed(many(10), Purpose::Passage, &cancel);
    let release = async {
        server.arrived(4).await;
        gates.iter().rev().for_each(|gate| gate.add_permits(1));
    };
    let (made, ()) = tokio::join!(work, release);
    let expected: Vec<Vec<f32>> = many(10).iter().map(|text| unit(text)).collect();
    assert_near(&made.expect("all of them"), &expected);
    let mut sizes: Vec<usize> = server.asked().iter().map(|asked| texts(asked, "input").len()).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [1, 3, 3, 3]);
}

#[tokio::test]
async fn a_query_does_not_wait_for_passages() {
    let gate = Arc::new(Semaphore::new(0));
    let held = Arc::clone(&gate);
    let server = Server::start(move |asked, _| {
        let query = texts(asked, "input") == ["query"];
        if query { openai(asked) } else { Reply::After(Arc::clone(&held), Box::new(openai(asked))) }
    })
    .await;
    let options = RemoteOptions { batch_size: Some(1), in_flight: 2, ..server.options(Provider::OpenAi) };
    let embedder = embedder(options);
    let cancel = CancellationToken::new();
    let passages = async {
        let calls = [1, 2, 3].map(|_| embedder.embed(many(3), Purpose::Passage, &cancel));
        futures::future::try_join_all(calls).await
    };
    let query = async {
        server.arrived(2).await;
        let made = embedder.embed(owned(&["query"]), Purpose::Query, &cancel).await;
        assert_eq!(server.asked().len(), 3, "two passages are under way, all others wait");
        gate.add_permits(9);
        made
    };
    let (passages, query) = tokio::join!(passages, query);
    assert_near(&query.expect("a vector"), &[unit("query")]);
    assert_eq!(passages.expect("they came after it").concat().len(), 9);
}

#[tokio::test]
async fn a_request_that_is_too_much_is_halved() {
    for status in [413, 400] {
        let server = Server::start(move |asked, _| {
            if texts(asked, "input").len() > 2 { error(status, "too many inputs") } else { openai(asked) }
        })
        .await;
        let embedder = embedder(server.options(Provider::OpenAi));
        let made = embedder.embed(many(7), Purpose::Passage, &CancellationToken::new()).await;
        let expected: Vec<Vec<f32>> = many(7).iter().map(|text| unit(text)).collect();
        assert_near(&made.expect("all of them"), &expected);
    }
}

#[tokio::test]
async fn a_text_that_is_too_long_loses_an_end_or_is_named() {
    let server = Server::start(|asked, _| {
        let long = texts(asked, "input").iter().any(|text| text.len() > 40);
        if long { error(400, "This model's maximum context length is 10 tokens") } else { openai(asked) }
    })
    .await;
    let long = format!("{}{}", "a ".repeat(60), "z ".repeat(60));
    let words = ["one", "two", long.as_str(), "four"];
    for (truncation, kept) in [(Truncation::End, "a"), (Truncation::Start, "z")] {
        let options = RemoteOptions { truncation, max_tokens: Some(32), ..server.options(Provider::OpenAi) };
        let made = embedder(options).embed(owned(&words), Purpose::Passage, &CancellationToken::new()).await;
        assert_eq!(made.expect("it is cut").len(), 4);
        let asked = server.asked();
        let cut = asked.iter().rev().find_map(|asked| {
            let texts = texts(asked, "input");
            (texts.len() == 1 && texts[0].starts_with(kept) && texts[0].len() <= 40).then(|| texts[0].to_owned())
        });
        assert!(cut.is_some_and(|text| text.len() > 10), "as much as fits is kept");
    }
    let options = RemoteOptions { truncation: Truncation::None, ..server.options(Provider::OpenAi) };
    let told = embedder(options).embed(owned(&words), Purpose::Passage, &CancellationToken::new()).await;
    assert!(matches!(told, Err(InferenceError::TooLong { place: 2, .. })), "{told:?}");
}

#[tokio::test]
async fn a_cancelled_call_ends_while_the_server_is_silent() {
    let server = Server::start(|_, _| Reply::Silence).await;
    let embedder = embedder(server.options(Provider::OpenAi));
    let cancel = CancellationToken::new();
    let stop = async {
        server.arrived(1).await;
        cancel.cancel();
    };
    let (result, ()) = tokio::join!(embedder.embed(many(1), Purpose::Passage, &cancel), stop);
    assert!(matches!(result, Err(InferenceError::Cancelled)), "{result:?}");
}

#[tokio::test]
async fn nothing_to_embed_asks_nobody() {
    let server = Server::start(|_, _| Reply::Silence).await;
    let embedder = embedder(server.options(Provider::OpenAi));
    let made = embedder.embed(Vec::new(), Purpose::Query, &CancellationToken::new()).await;
    assert_eq!(made.expect("nothing"), Vec::<Vec<f32>>::new());
    assert_eq!(server.asked(), []);
}

#[tokio::test]
async fn tokens_are_estimated_over_the_whole_text() {
    let server = Server::start(|_, _| Reply::Silence).await;
    let tokens = embedder(server.options(Provider::OpenAi)).tokens();
    let text = "Embeddings of 東京, quickly.";
    let spans = tokens.spans(text);
    let joined: String = spans.iter().map(|(start, end)| &text[*start..*end]).collect();
    assert_eq!(joined, text.split_whitespace().collect::<String>());
}
