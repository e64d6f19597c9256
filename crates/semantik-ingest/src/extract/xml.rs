//! A forgiving reader of XML: tags and character data in order, whatever the state of the document.
//! It knows no DTD, so there are no entities to expand and nothing to fetch.

use semantik_core::document::ExtractedText;

use super::formats::plain;
use super::markup::line;

/// A piece of XML.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    Open { name: &'a str, attributes: &'a str, empty: bool },
    Close(&'a str),
    Text(String),
}

/// Reads XML from left to right.
pub(super) struct Tokens<'a> {
    rest: &'a str,
}

impl<'a> Tokens<'a> {
    pub(super) fn new(xml: &'a str) -> Self {
        Self { rest: xml }
    }

    fn cut(&mut self, at: usize) -> &'a str {
        let (head, rest) = self.rest.split_at(at);
        self.rest = rest;
        head
    }

    /// What comes up to `end`, with the end taken off; everything when it is missing.
    fn until(&mut self, end: &str) -> &'a str {
        let at = self.rest.find(end).map_or(self.rest.len(), |at| at + end.len());
        let head = self.cut(at);
        head.strip_suffix(end).unwrap_or(head)
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        loop {
            if self.rest.is_empty() {
                return None;
            }
            if !self.rest.starts_with('<') {
                let at = self.rest.find('<').unwrap_or(self.rest.len());
                return Some(Token::Text(decode(self.cut(at))));
            }
            if self.rest.starts_with("<![CDATA[") {
                self.cut("<![CDATA[".len());
                return Some(Token::Text(self.until("]]>").to_owned()));
            }
            if self.rest.starts_with("<!--") {
                self.until("-->");
                continue;
            }
            self.cut(1);
            let tag = self.until(">");
            if tag.starts_with(['!', '?']) {
                continue;
            }
            if let Some(name) = tag.strip_prefix('/') {
                return Some(Token::Close(name.trim()));
            }
            let (body, empty) = tag.strip_suffix('/').map_or((tag, false), |body| (body, true));
            let (name, attributes) = body.split_once(char::is_whitespace).unwrap_or((body, ""));
            return Some(Token::Open { name, attributes, empty });
        }
    }
}

/// The value of an attribute.
pub(super) fn attribute(attributes: &str, name: &str) -> Option<String> {
    let mut rest = attributes;
    loop {
        let (key, after) = rest.split_once('=')?;
        let after = after.trim_start();
        let quote = after.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
        let (value, next) = after[1..].split_once(quote)?;
        if key.trim() == name {
            return Some(decode(value));
        }
        rest = next;
    }
}

/// Character references and the five named entities as what they stand for.
pub(super) fn decode(raw: &str) -> String {
    let mut decoded = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find('&') {
        decoded.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = rest.bytes().take(12).position(|byte| byte == b';');
        match end.and_then(|end| Some((entity(&rest[1..end])?, end))) {
            Some((character, end)) => {
                decoded.push(character);
                rest = &rest[end + 1..];
            }
            None => {
                decoded.push('&');
                rest = &rest[1..];
            }
        }
    }
    decoded.push_str(rest);
    decoded
}

fn entity(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        "nbsp" => Some('\u{a0}'),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code).filter(|character| *character != '\0')
        }
    }
}

/// An XML document as its character data, an element with text to a line.
pub(super) fn document(xml: &str) -> ExtractedText {
    let mut found = String::new();
    text(xml, &mut found);
    plain("application/xml", found.trim().to_owned())
}

/// Appends the character data of XML.
pub(super) fn text(xml: &str, into: &mut String) {
    for token in Tokens::new(xml) {
        match token {
            Token::Text(data) if data.trim().is_empty() => {}
            Token::Text(data) => {
                if !into.is_empty() && !into.ends_with(char::is_whitespace) {
                    into.push(' ');
                }
                into.push_str(data.trim());
            }
            Token::Close(_) | Token::Open { empty: true, .. } => line(into),
            Token::Open { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn character_data_comes_out_whole() {
        let mut found = String::new();
        text("<a><b>x &amp; y &bad; &#228;</b><!-- no --><c><![CDATA[<z>]]></c><d/>", &mut found);
        assert_eq!(found.trim(), "x & y &bad; ä\n<z>");
    }

    #[test]
    fn attributes_are_found_by_name() {
        let all = r#" w:val="Heading&amp;1" r:id='rId7'"#;
        assert_eq!(attribute(all, "r:id").as_deref(), Some("rId7"));
        assert_eq!(attribute(all, "w:val").as_deref(), Some("Heading&1"));
        assert_eq!(attribute(all, "id"), None);
    }
}
