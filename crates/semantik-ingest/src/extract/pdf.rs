//! PDF through pdfium, page by page: a page that fails or has no text says so and costs no other.

use std::sync::OnceLock;

use pdfium_render::prelude::{
    PdfDocumentMetadataTagType, PdfPage, PdfRenderConfig, Pdfium, PdfiumError, PdfiumInternalError,
};
use semantik_core::document::{ExtractedText, Page, PageState, SkipReason};

use super::decode::normalise;
use super::formats::{Content, plain};
use super::protocol::Failure;
use super::{ocr, sniff};

/// Width in pixels of a page that is read by OCR: about 200 dots per inch on A4.
const OCR_WIDTH: i32 = 1_650;

/// The library, unpacked from the program into the pool's private scratch folder and loaded once.
fn library() -> Result<&'static Pdfium, Failure> {
    static LIBRARY: OnceLock<Result<Pdfium, String>> = OnceLock::new();
    let loaded = LIBRARY.get_or_init(|| {
        let path = kreuzberg::pdf::extract_bundled_pdfium().map_err(|e| e.to_string())?;
        let bindings = Pdfium::bind_to_library(path).map_err(|e| e.to_string())?;
        Ok(Pdfium::new(bindings))
    });
    loaded.as_ref().map_err(|why| Failure::Panicked(format!("the PDF library cannot be loaded: {why}")))
}

pub(super) fn extract(bytes: &[u8]) -> Result<Content, Failure> {
    let document = match library()?.load_pdf_from_byte_slice(bytes, None) {
        Ok(document) => document,
        Err(PdfiumError::PdfiumLibraryInternalError(
            PdfiumInternalError::PasswordError | PdfiumInternalError::SecurityError,
        )) => {
            return Ok(Content::skipped(sniff::PDF, SkipReason::Encrypted, "the PDF is protected by a password"));
        }
        Err(error) => return Err(Failure::Broken(format!("not a readable PDF ({error:?})"))),
    };
    let mut text = String::new();
    let mut pages = Vec::new();
    for index in 0..document.pages().len() {
        let read = document.pages().get(index).map_err(|e| format!("{e:?}")).and_then(|page| page_text(&page));
        if !text.is_empty() {
            text.push_str("\n\n");
        }
        let start = text.len();
        let (state, reason) = match read {
            Ok((found, state)) => {
                text.push_str(&found);
                (state, (state == PageState::Skipped).then(|| "no text, and no ocr".to_owned()))
            }
            Err(why) => (PageState::Failed, Some(why)),
        };
        pages.push(Page { number: u32::try_from(index).unwrap_or(0) + 1, state, reason, start, end: text.len() });
    }
    if pages.is_empty() {
        return Err(Failure::Broken("the PDF has no pages".to_owned()));
    }
    if text.trim().is_empty() {
        let message = "no page of the PDF holds text; it may be scanned, which needs the program tesseract";
        let policy = if ocr::available() { SkipReason::NoText } else { SkipReason::NoOcr };
        return Ok(Content::skipped(sniff::PDF, policy, message));
    }
    let title = document.metadata().get(PdfDocumentMetadataTagType::Title).map(|tag| tag.value().trim().to_owned());
    Ok(Content::text(ExtractedText {
        title: title.filter(|title| !title.is_empty()),
        pages,
        ..plain(sniff::PDF, text)
    }))
}

fn page_text(page: &PdfPage<'_>) -> Result<(String, PageState), String> {
    let raw = page.text().map_err(|e| format!("{e:?}"))?.all();
    let text = tidy(&raw);
    if !text.is_empty() {
        return Ok((text, PageState::Text));
    }
    if !ocr::available() {
        return Ok((String::new(), PageState::Skipped));
    }
    let bitmap =
        page.render_with_config(&PdfRenderConfig::new().set_target_width(OCR_WIDTH)).map_err(|e| format!("{e:?}"))?;
    let (width, height) = (bitmap.width(), bitmap.height());
    let mut image = format!("P6\n{width} {height}\n255\n").into_bytes();
    image.extend(bitmap.as_rgba_bytes().chunks_exact(4).flat_map(|pixel| [pixel[0], pixel[1], pixel[2]]));
    match ocr::read(&image)? {
        found if found.is_empty() => Ok((found, PageState::Skipped)),
        found => Ok((found, PageState::Ocr)),
    }
}

/// Line ends, soft hyphens at line ends (pdfium marks them) and trailing spaces.
fn tidy(raw: &str) -> String {
    let unbroken = normalise(raw).replace("\u{2}\n", "").replace(['\u{2}', '\u{fffe}'], "");
    let lines: Vec<&str> = unbroken.lines().map(str::trim_end).collect();
    lines.join("\n").trim().to_owned()
}
