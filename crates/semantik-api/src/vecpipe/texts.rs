//! A text or a list of texts, read without ever holding more than a request may have.

use std::fmt;

use semantik_app::vecpipe::TEXTS;
use semantik_core::ErrorCode;
use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::error::Problem;

/// What stood where texts are expected.
#[derive(Debug, Default)]
pub(super) struct Texts {
    items: Vec<String>,
    /// How many there were, kept or not.
    total: usize,
    /// Numbers where texts should be.
    has_tokens: bool,
    /// Objects with a `text`.
    has_objects: bool,
}

enum Item {
    Text(String),
    Object(String),
    Tokens,
}

impl Texts {
    pub(super) fn is_empty(&self) -> bool {
        self.total == 0
    }

    /// The texts of `field`.
    pub(super) fn plain(self, field: &str) -> Result<Vec<String>, Problem> {
        if self.has_objects {
            return Err(Problem::invalid(format!("`{field}` takes texts, not objects")));
        }
        self.documents(field)
    }

    /// The same where a document may be an object with a `text`.
    pub(super) fn documents(self, field: &str) -> Result<Vec<String>, Problem> {
        if self.has_tokens {
            return Err(Problem::invalid(format!("`{field}` holds token ids"))
                .hint("send texts: the ids of another tokenizer mean nothing to the models here"));
        }
        if self.total > TEXTS {
            let detail = format!("`{field}` holds {} texts, and a request takes at most {TEXTS}", self.total);
            return Err(Problem::new(ErrorCode::RequestTooLarge, detail)
                .hint(format!("send them in several requests of at most {TEXTS}")));
        }
        if self.total == 0 {
            return Err(Problem::invalid(format!("`{field}` is empty")).hint("send at least one text"));
        }
        Ok(self.items)
    }
}

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = Texts;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or a list of texts")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Texts, E> {
                self.visit_string(text.to_owned())
            }

            fn visit_string<E: Error>(self, text: String) -> Result<Texts, E> {
                Ok(Texts { items: vec![text], total: 1, ..Texts::default() })
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Texts, A::Error> {
                let mut texts = Texts::default();
                loop {
                    if texts.total >= TEXTS {
                        if list.next_element::<IgnoredAny>()?.is_none() {
                            return Ok(texts);
                        }
                    } else {
                        match list.next_element::<Item>()? {
                            None => return Ok(texts),
                            Some(Item::Text(text)) => texts.items.push(text),
                            Some(Item::Object(text)) => {
                                texts.has_objects = true;
                                texts.items.push(text);
                            }
                            Some(Item::Tokens) => texts.has_tokens = true,
                        }
                    }
                    texts.total += 1;
                }
            }
        }

        deserializer.deserialize_any(Reader)
    }
}

impl<'de> Deserialize<'de> for Item {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = Item;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Item, E> {
                Ok(Item::Text(text.to_owned()))
            }

            fn visit_string<E: Error>(self, text: String) -> Result<Item, E> {
                Ok(Item::Text(text))
            }

            fn visit_u64<E: Error>(self, _id: u64) -> Result<Item, E> {
                Ok(Item::Tokens)
            }

            fn visit_i64<E: Error>(self, _id: i64) -> Result<Item, E> {
                Ok(Item::Tokens)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Item, A::Error> {
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Item::Tokens)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Item, A::Error> {
                let mut found = None;
                while let Some(name) = map.next_key::<String>()? {
                    if name == "text" {
                        found = Some(map.next_value::<String>()?);
                    } else {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                found.map(Item::Object).ok_or_else(|| A::Error::missing_field("text"))
            }
        }

        deserializer.deserialize_any(Reader)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(value: &serde_json::Value) -> Texts {
        serde_json::from_str(&value.to_string()).expect("it reads")
    }

    #[test]
    fn a_text_and_a_list_of_texts_are_read() {
        assert_eq!(read(&json!("one")).plain("input").expect("texts"), ["one"]);
        assert_eq!(read(&json!(["", "two"])).plain("input").expect("texts"), ["", "two"]);
        assert_eq!(read(&json!([{ "text": "t", "more": [1] }])).documents("documents").expect("texts"), ["t"]);
        for (value, message) in [
            (json!([1, 2]), "token ids"),
            (json!([[1, 2], [3]]), "token ids"),
            (json!([{ "text": "t" }]), "not objects"),
            (json!([]), "is empty"),
        ] {
            let problem = read(&value).plain("input").expect_err("refused");
            assert!(problem.sentence().contains(message), "{value}: {}", problem.sentence());
        }
        for value in [json!(1), json!({ "a": 1 }), json!([null]), json!([{ "a": 1 }]), json!(null)] {
            assert!(serde_json::from_str::<Texts>(&value.to_string()).is_err(), "{value}");
        }
    }

    #[test]
    fn more_texts_than_allowed_are_counted_and_not_kept() {
        let texts = read(&json!(vec!["x"; 100_000]));
        assert_eq!(texts.items.len(), TEXTS);
        let problem = texts.plain("texts").expect_err("refused");
        assert_eq!(problem.code(), ErrorCode::RequestTooLarge);
        assert!(problem.sentence().contains("100000") && problem.sentence().contains("8192"), "{}", problem.sentence());
    }
}
