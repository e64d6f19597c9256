//! `POST /embeddings` as OpenAI publishes it and vLLM, LM Studio, llama.cpp and others follow it, and
//! the `POST /rerank` that such servers share with Jina.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::remote::vectors::ordered;
use crate::remote::wire::{EmbedAsk, Request, RerankAsk, json};

#[derive(Serialize)]
struct EmbedBody<'a> {
    model: &'a str,
    input: &'a [&'a str],
    #[serde(skip_serializing_if = "Option::is_none")]
    encoding_format: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dimensions: Option<usize>,
    /// Not OpenAI's.
    #[serde(skip_serializing_if = "Option::is_none")]
    input_type: Option<&'static str>,
}

#[derive(Deserialize)]
struct EmbedAnswer {
    data: Vec<Embedding>,
}

#[derive(Deserialize)]
struct Embedding {
    index: Option<usize>,
    embedding: Numbers,
}

/// A list of numbers, or base64 of little-endian float32.
struct Numbers(Vec<f32>);

#[derive(Serialize)]
struct RerankBody<'a> {
    model: &'a str,
    query: &'a str,
    documents: &'a [&'a str],
    top_n: usize,
}

#[derive(Deserialize)]
struct RerankAnswer {
    results: Vec<Ranked>,
}

#[derive(Deserialize)]
struct Ranked {
    index: usize,
    relevance_score: f32,
}

pub(super) fn embed(ask: &EmbedAsk<'_>) -> Request {
    let encoding_format = ask.base64.then_some("base64");
    let input_type = ask.is_ours.then(|| ask.purpose.name());
    let EmbedAsk { model, texts: input, dimensions, .. } = *ask;
    Request::new("/embeddings", &EmbedBody { model, input, encoding_format, dimensions, input_type })
}

pub(super) fn vectors(body: &[u8], count: usize) -> Result<Vec<Vec<f32>>, String> {
    let data = json::<EmbedAnswer>(body)?.data.into_iter().enumerate();
    ordered(data.map(|(place, entry)| (entry.index.unwrap_or(place), entry.embedding.0)), count)
}

pub(super) fn rerank(ask: &RerankAsk<'_>) -> Request {
    let RerankAsk { model, query, passages: documents, .. } = ask;
    Request::new("/rerank", &RerankBody { model, query, documents, top_n: documents.len() })
}

pub(super) fn scores(body: &[u8], count: usize) -> Result<Vec<f32>, String> {
    let results = json::<RerankAnswer>(body)?.results;
    ordered(results.into_iter().map(|result| (result.index, result.relevance_score)), count)
}

impl<'de> Deserialize<'de> for Numbers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumbersVisitor)
    }
}

struct NumbersVisitor;

impl<'de> Visitor<'de> for NumbersVisitor {
    type Value = Numbers;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a list of numbers or base64")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Numbers, E> {
        let bytes = STANDARD.decode(text).map_err(|_| E::custom("no base64"))?;
        let (numbers, rest) = bytes.as_chunks::<4>();
        if !rest.is_empty() {
            return Err(E::custom("no whole numbers"));
        }
        Ok(Numbers(numbers.iter().map(|number| f32::from_le_bytes(*number)).collect()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Numbers, A::Error> {
        let mut numbers = Vec::new();
        while let Some(number) = list.next_element()? {
            numbers.push(number);
        }
        Ok(Numbers(numbers))
    }
}

#[cfg(test)]
mod tests {
    use super::{scores, vectors};

    #[test]
    fn vectors_come_as_numbers_or_as_base64_in_any_order() {
        let body = br#"{"object":"list","model":"m","usage":{"prompt_tokens":2},"data":[
            {"object":"embedding","index":1,"embedding":"AACAPwAAAMA="},
            {"object":"embedding","index":0,"embedding":[0.5,-1]}]}"#;
        assert_eq!(vectors(body, 2), Ok(vec![vec![0.5, -1.0], vec![1.0, -2.0]]));
        assert_eq!(vectors(br#"{"data":[{"embedding":[1.0]}]}"#, 1), Ok(vec![vec![1.0]]));
    }

    #[test]
    fn what_is_not_the_protocol_is_told_without_its_text() {
        for body in [
            r#"{"data":[{"index":0,"embedding":"hunter2"}]}"#,
            r#"{"data":[{"index":0,"embedding":"AACAPwA="}]}"#,
            r#"{"data":[{"index":0,"embedding":[null]}]}"#,
            r#"{"data":[{"index":7,"embedding":[1.0]}]}"#,
            r#"{"data":"hunter2"}"#,
            r#"{"data":[{"index":0,"embedding":[1.0"#,
            "hunter2",
        ] {
            let why = vectors(body.as_bytes(), 1).expect_err(body);
            assert!(!why.contains("hunter2"), "{why}");
        }
    }

    #[test]
    fn scores_come_best_first_and_are_put_in_order() {
        let body = br#"{"results":[{"index":1,"relevance_score":0.9,"document":{"text":"b"}},
            {"index":0,"relevance_score":0.1}]}"#;
        assert_eq!(scores(body, 2), Ok(vec![0.1, 0.9]));
        assert!(scores(body, 3).is_err());
    }
}
