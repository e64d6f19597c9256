//! From bytes to content: which extractor takes which type. Every type ends in text or in a reason.

use semantik_core::document::{ExtractedText, SkipReason, TextKind};

use super::protocol::Failure;
use super::{Limits, Member, Outcome, Request};
use super::{archive, decode, mail, markup, ocr, office, pdf, sniff, syntax, text, xml};

/// Most containers around a document that is still read.
const DEEPEST: u8 = 3;

/// What an extractor makes of a file.
pub(super) struct Content {
    pub mime: String,
    pub outcome: Outcome,
    pub members: Vec<Member>,
}

impl Content {
    pub(super) fn skipped(mime: &str, policy: SkipReason, message: impl Into<String>) -> Self {
        Self {
            mime: mime.to_owned(),
            outcome: Outcome::Skipped { policy, message: message.into() },
            members: Vec::new(),
        }
    }

    /// Text, or the reason why there is none when it is blank.
    pub(super) fn text(text: ExtractedText) -> Self {
        if text.text.trim().is_empty() {
            return Self::skipped(&text.mime, SkipReason::NoText, "the file holds no text");
        }
        Self { mime: text.mime.clone(), outcome: Outcome::Text(text), members: Vec::new() }
    }

    pub(super) fn plain(mime: &str, text: String) -> Self {
        Self::text(plain(mime, text))
    }
}

/// Text without pages and headings.
pub(super) fn plain(mime: &str, text: String) -> ExtractedText {
    ExtractedText {
        mime: mime.to_owned(),
        kind: TextKind::Plain,
        title: None,
        language: None,
        text,
        pages: Vec::new(),
        headings: Vec::new(),
        syntax: None,
    }
}

/// Extracts one document that is in memory.
pub(super) fn extract(bytes: &[u8], request: &Request, limits: &Limits) -> Result<Content, Failure> {
    if request.depth >= DEEPEST {
        let message = format!("it lies {} containers deep, more than {} are not opened", request.depth, DEEPEST - 1);
        return Ok(Content::skipped(sniff::UNKNOWN, SkipReason::NestedTooDeep, message));
    }
    let mut content = match sniff::binary(bytes) {
        Some(mime) => binary(bytes, &mime, request, limits)?,
        None => match decode::text(bytes) {
            Some(decoded) => textual(bytes, decoded, &request.name, limits)?,
            None => unsupported(sniff::UNKNOWN),
        },
    };
    if let Outcome::Text(text) = &mut content.outcome
        && matches!(text.kind, TextKind::Plain | TextKind::Markdown)
    {
        text.language = text.language.take().or_else(|| language(&text.text));
    }
    if let Outcome::Text(text) = &mut content.outcome
        && text.kind == TextKind::Code
        && !request.careful
    {
        text.syntax = syntax::read(&text.text, &text.mime);
    }
    Ok(content)
}

fn binary(bytes: &[u8], mime: &str, request: &Request, limits: &Limits) -> Result<Content, Failure> {
    match mime {
        sniff::PDF => pdf::extract(bytes),
        sniff::ZIP => archive::zip(bytes, limits),
        sniff::TAR => archive::tar(bytes, limits),
        sniff::GZIP => archive::gzip(bytes, &request.name, limits),
        sniff::SEVENZ => archive::sevenz(bytes, limits),
        sniff::ODP => office::presentation(bytes, limits),
        sniff::MSG => mail::outlook(bytes, limits),
        sniff::OLE2_ENCRYPTED => {
            Ok(Content::skipped(mime, SkipReason::Encrypted, "the document is protected by a password"))
        }
        _ if mime.starts_with("image/") => Ok(ocr::image(bytes, mime)),
        _ if office::knows(mime) => office::extract(bytes, mime, limits),
        _ => Ok(unsupported(mime)),
    }
}

fn unsupported(mime: &str) -> Content {
    Content::skipped(mime, SkipReason::UnsupportedFormat, format!("files of type {mime} hold no text that can be read"))
}

fn textual(bytes: &[u8], decoded: String, name: &str, limits: &Limits) -> Result<Content, Failure> {
    let (mime, kind) = text::classify(&decoded, name);
    match mime {
        sniff::EML => mail::internet(bytes, limits),
        "text/html" => markup::html(&decoded).map(Content::text),
        "application/xml" => Ok(Content::text(xml::document(&decoded))),
        _ => {
            let headings = if kind == TextKind::Markdown { markup::headings(&decoded) } else { Vec::new() };
            let title = headings.iter().find(|heading| heading.level == 1).map(|heading| heading.text.clone());
            Ok(Content::text(ExtractedText { kind, title, headings, ..plain(mime, decoded) }))
        }
    }
}

/// The language of a text, where it is long enough to tell.
fn language(text: &str) -> Option<String> {
    let sample: String = text.chars().take(4_000).collect();
    if sample.len() < 60 {
        return None;
    }
    let config = kreuzberg::LanguageDetectionConfig { enabled: true, min_confidence: 0.8, detect_multiple: false };
    kreuzberg::language_detection::detect_languages(&sample, &config).ok().flatten()?.into_iter().next()
}
