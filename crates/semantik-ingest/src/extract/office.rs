//! Office documents and books through kreuzberg: rendered as Markdown for the sake of the headings,
//! then freed of the markup. Sheets are pages.

use std::io::{Cursor, Read as _};

use kreuzberg::{ExtractionConfig, ExtractionResult, KreuzbergError, OutputFormat};
use semantik_core::document::{ExtractedText, Page, PageState, SkipReason, TextKind};

use super::formats::{Content, plain};
use super::protocol::Failure;
use super::{Limits, decode, markup, ooxml, sniff, xml};

const KNOWN: &[&str] = &[
    "application/vnd.openxmlformats-officedocument.",
    "application/vnd.oasis.opendocument.text",
    "application/vnd.oasis.opendocument.spreadsheet",
    "application/vnd.ms-excel",
    "application/vnd.ms-powerpoint",
    "application/msword",
    "application/epub+zip",
    "application/rtf",
    "application/x-iwork-",
];

pub(super) fn knows(mime: &str) -> bool {
    KNOWN.iter().any(|known| mime.starts_with(known))
}

pub(super) fn extract(bytes: &[u8], mime: &str, limits: &Limits) -> Result<Content, Failure> {
    if mime.contains("wordprocessingml") {
        return ooxml::document(bytes, mime, limits);
    }
    if mime.contains("presentationml") {
        return ooxml::slides(bytes, mime, limits);
    }
    let result = match parse(bytes, mime, limits) {
        Ok(result) => result,
        Err(error) => return refused(&error, mime),
    };
    let title = result.metadata.title.clone().map(|title| title.trim().to_owned()).filter(|title| !title.is_empty());
    let mut text = ExtractedText { title, ..plain(mime, String::new()) };
    let markdown = decode::normalise(&result.content);
    if sheet(mime) {
        text.kind = TextKind::Table;
        for (index, sheet) in sheets(&markdown).into_iter().enumerate() {
            push_page(&mut text, u32::try_from(index + 1).unwrap_or(u32::MAX), sheet);
        }
    } else {
        markup::strip(&markdown, &mut text.text, &mut text.headings);
    }
    Ok(Content::text(text))
}

fn push_page(text: &mut ExtractedText, number: u32, markdown: &str) {
    if !text.text.is_empty() {
        text.text.push_str("\n\n");
    }
    let start = text.text.len();
    let mut page = String::new();
    let mut headings = Vec::new();
    markup::strip(&decode::normalise(markdown), &mut page, &mut headings);
    text.text.push_str(&page);
    text.headings.extend(headings.into_iter().map(|mut heading| {
        heading.start += start;
        heading
    }));
    let end = text.text.len();
    let state = if end > start { PageState::Text } else { PageState::Skipped };
    let reason = (end == start).then(|| "no text".to_owned());
    text.pages.push(Page { number, state, reason, start, end });
}

/// Sheets of a rendered workbook: each begins with a heading, and rows never look like one.
fn sheets(markdown: &str) -> Vec<&str> {
    let mut starts: Vec<usize> = markdown.match_indices("\n## ").map(|(at, _)| at + 1).collect();
    starts.insert(0, 0);
    starts.push(markdown.len());
    starts.windows(2).map(|pair| &markdown[pair[0]..pair[1]]).filter(|part| !part.trim().is_empty()).collect()
}

fn sheet(mime: &str) -> bool {
    mime.contains("spreadsheet") || mime.contains("ms-excel")
}

/// What kreuzberg makes of the bytes: no cache, no OCR, no network, bounded sizes.
pub(super) fn parse(bytes: &[u8], mime: &str, limits: &Limits) -> Result<ExtractionResult, KreuzbergError> {
    let output = usize::try_from(limits.output_bytes).unwrap_or(usize::MAX);
    let security = kreuzberg::extractors::security::SecurityLimits {
        max_archive_size: output,
        max_content_size: output,
        max_table_cells: 5_000_000,
        max_files_in_archive: limits.members,
        ..Default::default()
    };
    let config = ExtractionConfig {
        use_cache: false,
        enable_quality_processing: false,
        disable_ocr: true,
        output_format: OutputFormat::Markdown,
        security_limits: Some(security),
        max_archive_depth: 0,
        ..ExtractionConfig::default()
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(kreuzberg::extract_bytes(bytes, mime, &config))
}

/// An error as what it means for the document.
pub(super) fn refused(error: &KreuzbergError, mime: &str) -> Result<Content, Failure> {
    let message = error.to_string();
    let lower = message.to_ascii_lowercase();
    if lower.contains("password") || lower.contains("encrypted") {
        return Ok(Content::skipped(mime, SkipReason::Encrypted, "the document is protected by a password"));
    }
    if lower.contains("zip bomb") || lower.contains("zipbomb") || lower.contains("compression ratio") {
        return Err(Failure::Bomb(message));
    }
    match error {
        KreuzbergError::UnsupportedFormat(_) | KreuzbergError::MissingDependency(_) => {
            Ok(Content::skipped(mime, SkipReason::UnsupportedFormat, format!("files of type {mime} cannot be read")))
        }
        _ => Err(Failure::Broken(message.chars().take(300).collect())),
    }
}

/// OpenDocument presentations, which kreuzberg does not read: the character data of each slide.
pub(super) fn presentation(bytes: &[u8], limits: &Limits) -> Result<Content, Failure> {
    let broken = |error: &dyn std::fmt::Display| Failure::Broken(error.to_string());
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(|e| broken(&e))?;
    let entry = archive.by_name("content.xml").map_err(|e| broken(&e))?;
    let mut xml = String::new();
    let read = entry.take(limits.output_bytes).read_to_string(&mut xml).map_err(|e| broken(&e))?;
    if read as u64 >= limits.output_bytes {
        return Err(Failure::Bomb(format!("a presentation of more than {} bytes", limits.output_bytes)));
    }
    let mut text = plain(sniff::ODP, String::new());
    for (index, slide) in xml.split("<draw:page ").skip(1).enumerate() {
        if index > 0 {
            text.text.push_str("\n\n");
        }
        let start = text.text.len();
        let mut found = String::new();
        // What is left of the slide's own tag goes with the first `>`.
        xml::text(slide.split_once('>').map_or("", |(_, body)| body), &mut found);
        text.text.push_str(found.trim());
        let end = text.text.len();
        let state = if end > start { PageState::Text } else { PageState::Skipped };
        let reason = (end == start).then(|| "no text".to_owned());
        text.pages.push(Page { number: u32::try_from(index + 1).unwrap_or(u32::MAX), state, reason, start, end });
    }
    Ok(Content::text(text))
}
