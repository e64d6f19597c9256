//! What a provider says when it says no, and what can be done about it.

use reqwest::StatusCode;
use semantik_core::Secret;
use serde_json::Value;

/// Longer messages are cut.
const LETTERS: usize = 300;

/// What to do about an answer that is no success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Remedy {
    /// Send less: too many texts, or too long ones.
    Less,
    /// Send the same later; the server is busy.
    Wait,
    /// Send the same again; the server failed.
    Again,
    /// The operator corrects key or account.
    Account,
    /// The operator corrects model or address.
    Model,
    /// Nothing, or leave out an optional field.
    None,
}

/// The message of an error answer, without secrets, on one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Complaint {
    pub status: StatusCode,
    pub message: String,
    /// The provider's own name for it, where it has one.
    code: String,
}

impl Complaint {
    /// Reads the body of an error in any of the shapes providers use.
    pub fn read(status: StatusCode, body: &[u8], key: Option<&Secret>) -> Self {
        let json = serde_json::from_slice::<Value>(body).unwrap_or(Value::Null);
        // A wrong key is repeated by some servers, half of it hidden.
        let message = if status == StatusCode::UNAUTHORIZED { None } else { message(&json) };
        let inner = json.get("error").unwrap_or(&json);
        let code = ["code", "type", "error_type"].iter().find_map(|name| inner.get(name)?.as_str());
        Self { status, message: harmless(&message.unwrap_or_default(), key), code: code.unwrap_or_default().to_owned() }
    }

    /// What can be done about it.
    pub fn remedy(&self) -> Remedy {
        match self.status.as_u16() {
            401..=403 => Remedy::Account,
            404 | 405 | 410 => Remedy::Model,
            413 => Remedy::Less,
            429 if self.code == "insufficient_quota" => Remedy::Account,
            429 => Remedy::Wait,
            400 | 422 if self.names_option() => Remedy::None,
            400 | 422 if self.says(TOO_MUCH) => Remedy::Less,
            // Some servers take it for a fault of their own.
            500 if self.says(TOO_LONG) => Remedy::Less,
            500 if self.says(NO_VECTOR) => Remedy::None,
            408 | 424 | 425 | 500 | 502..=599 => Remedy::Again,
            _ => Remedy::None,
        }
    }

    /// Whether it is about an optional field that could be left out.
    fn names_option(&self) -> bool {
        self.says(&["dimension", "matryoshka", "encoding_format", "base64"])
    }

    /// Whether any of the phrases occurs.
    pub fn says(&self, phrases: &[&str]) -> bool {
        let lower = format!("{} {}", self.code, self.message).to_lowercase();
        phrases.iter().any(|phrase| lower.contains(phrase))
    }
}

impl std::fmt::Display for Complaint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { status, message, .. } = self;
        if message.is_empty() { write!(f, "it answers {status}") } else { write!(f, "it answers {status}: {message}") }
    }
}

const TOO_LONG: &[&str] = &["context length", "too large to process"];
/// What Ollama says when the model makes no number of a text; it would say so again.
const NO_VECTOR: &[&str] = &["unsupported value: nan"];
const TOO_MUCH: &[&str] = &[
    "context length",
    "context_length",
    "context size",
    "too long",
    "too many",
    "too large",
    "exceed",
    "at most",
    "maximum allowed",
    "maximum number",
    "maximum of",
    "must have less than",
    "tokens per request",
    "token limit",
];

/// `error.message`, `error`, `message`, `detail` or `detail[].msg`.
fn message(json: &Value) -> Option<String> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let error = json.get("error");
    let listed = || {
        let details = json.get("detail")?.as_array()?;
        Some(details.iter().map(detail).collect::<Vec<_>>().join("; "))
    };
    error
        .and_then(|error| error.get("message").and_then(text).or_else(|| text(error)))
        .or_else(|| json.get("message").and_then(text))
        .or_else(|| json.get("detail").and_then(text))
        .or_else(listed)
}

/// The last part of the place and the message; the rest repeats the input.
fn detail(entry: &Value) -> String {
    let place = entry.get("loc").and_then(Value::as_array).and_then(|parts| parts.last()).and_then(Value::as_str);
    let message = entry.get("msg").and_then(Value::as_str).unwrap_or_default();
    place.map_or_else(|| message.to_owned(), |place| format!("{place}: {message}"))
}

/// One line of at most [`LETTERS`] letters without the key or what looks like a hidden part of it.
fn harmless(message: &str, key: Option<&Secret>) -> String {
    let hidden = key.map_or_else(|| message.to_owned(), |key| message.replace(key.expose(), "***"));
    let words = hidden.split_whitespace().map(|word| if word.contains("**") { "***" } else { word });
    let line = words.collect::<Vec<_>>().join(" ");
    line.chars().filter(|letter| !letter.is_control()).take(LETTERS).collect()
}

#[cfg(test)]
mod tests {
    use super::{Complaint, Remedy, Secret, StatusCode};

    fn read(status: u16, body: &str) -> Complaint {
        let status = StatusCode::from_u16(status).expect("a status");
        Complaint::read(status, body.as_bytes(), Some(&Secret::from("sk-hunter2".to_owned())))
    }

    #[test]
    fn every_provider_is_understood() {
        for (status, body, remedy) in [
            (
                401,
                r#"{"error":{"message":"Incorrect API key provided: sk-hu***r2.","code":"invalid_api_key"}}"#,
                Remedy::Account,
            ),
            (403, r#"{"message":"forbidden"}"#, Remedy::Account),
            (404, r#"{"error":"model \"nomic\" not found, try pulling it first"}"#, Remedy::Model),
            (429, r#"{"error":{"message":"Rate limit reached","type":"requests"}}"#, Remedy::Wait),
            (429, r#"{"error":{"message":"You exceeded your quota","code":"insufficient_quota"}}"#, Remedy::Account),
            (400, r#"{"error":{"message":"This model's maximum context length is 8192 tokens"}}"#, Remedy::Less),
            (400, r#"{"error":{"message":"Requested 385120 tokens, max 300000 tokens per request"}}"#, Remedy::Less),
            (400, r#"{"message":"invalid request: total number of texts must be at most 96"}"#, Remedy::Less),
            (
                413,
                r#"{"error":"batch size 33 > maximum allowed batch size 32","error_type":"Validation"}"#,
                Remedy::Less,
            ),
            (500, r#"{"error":"the input length exceeds the context length"}"#, Remedy::Less),
            (500, r#"{"error":{"code":500,"message":"input is too large to process"}}"#, Remedy::Less),
            (500, r#"{"error":"out of memory"}"#, Remedy::Again),
            (500, r#"{"error":"failed to encode response: json: unsupported value: NaN"}"#, Remedy::None),
            (424, r#"{"error":"inference failed","error_type":"Backend"}"#, Remedy::Again),
            (503, "<html>bad gateway</html>", Remedy::Again),
            (501, "", Remedy::None),
            (400, r#"{"object":"error","message":"Model does not support matryoshka representation"}"#, Remedy::None),
            (
                422,
                r#"{"detail":[{"loc":["body","encoding_format"],"msg":"must be at most","input":"x"}]}"#,
                Remedy::None,
            ),
        ] {
            assert_eq!(read(status, body).remedy(), remedy, "{status} {body}");
        }
    }

    #[test]
    fn a_message_never_repeats_the_key() {
        for (status, body) in [
            (401, r#"{"error":{"message":"Incorrect API key provided: sk-h****er2"}}"#),
            (400, r#"{"error":"key sk-hunter2 \n is bad"}"#),
            (403, r#"{"message":"key sk-hu**r2 is bad"}"#),
        ] {
            let told = format!("{} {0:?}", read(status, body));
            assert!(!told.contains("sk-h"), "{told}");
        }
        assert_eq!(read(400, r#"{"error":"a\n b"}"#).to_string(), "it answers 400 Bad Request: a b");
    }
}
