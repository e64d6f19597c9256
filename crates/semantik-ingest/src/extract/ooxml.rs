//! Word documents and presentations, read straight from their parts: every character as it is
//! written, headings by style and outline level, slides as pages in the order they are shown.

use std::collections::HashMap;
use std::io::{Cursor, Read as _};

use semantik_core::document::{ExtractedText, Heading, Page, PageState};

use super::Limits;
use super::formats::{Content, plain};
use super::markup::{blank_line, line};
use super::protocol::Failure;
use super::xml::{Token, Tokens, attribute};

/// The parts of a package, each read at most up to what all of them may have together.
struct Package<'a> {
    archive: zip::ZipArchive<Cursor<&'a [u8]>>,
    left: u64,
}

impl<'a> Package<'a> {
    fn open(bytes: &'a [u8], limits: &Limits) -> Result<Self, Failure> {
        let archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(|e| Failure::Broken(e.to_string()))?;
        Ok(Self { archive, left: limits.output_bytes })
    }

    fn part(&mut self, name: &str) -> Result<Option<String>, Failure> {
        let entry = match self.archive.by_name(name) {
            Ok(entry) => entry,
            Err(zip::result::ZipError::FileNotFound) => return Ok(None),
            Err(error) => return Err(Failure::Broken(error.to_string())),
        };
        let mut bytes = Vec::new();
        let read = entry.take(self.left + 1).read_to_end(&mut bytes).map_err(|e| Failure::Broken(e.to_string()))?;
        self.left =
            self.left.checked_sub(read as u64).ok_or_else(|| Failure::Bomb(format!("the part {name} is too large")))?;
        Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
    }

    fn title(&mut self) -> Result<Option<String>, Failure> {
        let core = self.part("docProps/core.xml")?.unwrap_or_default();
        let mut tokens = Tokens::new(&core).skip_while(|token| !matches!(token, Token::Open { name: "dc:title", .. }));
        let title = match (tokens.next(), tokens.next()) {
            (Some(_), Some(Token::Text(title))) => title.trim().to_owned(),
            _ => String::new(),
        };
        Ok(Some(title).filter(|title| !title.is_empty()))
    }

    /// Targets of a part's relationships by id.
    fn relations(&mut self, name: &str) -> Result<HashMap<String, String>, Failure> {
        let xml = self.part(name)?.unwrap_or_default();
        let pairs = Tokens::new(&xml).filter_map(|token| match token {
            Token::Open { name: "Relationship", attributes, .. } => {
                Some((attribute(attributes, "Id")?, attribute(attributes, "Target")?))
            }
            _ => None,
        });
        Ok(pairs.collect())
    }
}

/// Text as it grows out of paragraphs, tables and headings.
#[derive(Default)]
struct Writer {
    text: String,
    headings: Vec<Heading>,
    /// Level of the heading that the open paragraph is, and where its text begins.
    heading: Option<u8>,
    start: usize,
    cells: u32,
    hidden: u32,
}

impl Writer {
    fn begin_paragraph(&mut self) {
        if self.cells == 0 {
            line(&mut self.text);
        }
        self.heading = None;
        self.start = self.text.len();
    }

    fn push(&mut self, text: &str) {
        if self.hidden == 0 {
            self.text.push_str(text);
        }
    }

    fn end_paragraph(&mut self) {
        let start = self.start.min(self.text.len());
        let heading = self.text[start..].trim().to_owned();
        if let Some(level) = self.heading.take().filter(|_| !heading.is_empty()) {
            self.headings.push(Heading { level, text: heading, start });
        }
        if self.cells > 0 {
            self.push(" ");
        } else {
            blank_line(&mut self.text);
        }
    }

    fn begin_cell(&mut self) {
        self.cells += 1;
    }

    fn end_cell(&mut self) {
        self.cells = self.cells.saturating_sub(1);
        self.text.truncate(self.text.trim_end_matches(' ').len());
        self.push("\t");
    }
}

/// A Word document: body, then notes.
pub(super) fn document(bytes: &[u8], mime: &str, limits: &Limits) -> Result<Content, Failure> {
    let mut package = Package::open(bytes, limits)?;
    let Some(body) = package.part("word/document.xml")? else {
        return Err(Failure::Broken("the document has no body".to_owned()));
    };
    let levels = heading_styles(&package.part("word/styles.xml")?.unwrap_or_default());
    let mut writer = Writer::default();
    word_text(&body, &levels, &mut writer);
    for notes in ["word/footnotes.xml", "word/endnotes.xml", "word/comments.xml"] {
        if let Some(notes) = package.part(notes)? {
            word_text(&notes, &levels, &mut writer);
        }
    }
    let title = package.title()?;
    writer.text.truncate(writer.text.trim_end().len());
    Ok(Content::text(ExtractedText { title, headings: writer.headings, ..plain(mime, writer.text) }))
}

/// Heading levels of paragraph styles, by outline level or by the built-in name.
fn heading_styles(styles: &str) -> HashMap<String, u8> {
    let mut levels = HashMap::new();
    let mut style = None;
    for token in Tokens::new(styles) {
        let Token::Open { name, attributes, .. } = token else { continue };
        let value = || attribute(attributes, "w:val");
        let level = match name {
            "w:style" => {
                style = attribute(attributes, "w:styleId");
                None
            }
            "w:name" => value().and_then(|name| name.to_ascii_lowercase().strip_prefix("heading ")?.parse().ok()),
            "w:outlineLvl" => value().and_then(|level| level.parse::<u8>().ok()).map(|level| level.saturating_add(1)),
            _ => None,
        };
        if let (Some(id), Some(level @ 1..=9)) = (&style, level) {
            levels.insert(id.clone(), level);
        }
    }
    levels
}

fn word_text(xml: &str, levels: &HashMap<String, u8>, writer: &mut Writer) {
    let mut inside_text = false;
    for token in Tokens::new(xml) {
        match token {
            Token::Open { name: "mc:Fallback", empty: false, .. } => writer.hidden += 1,
            Token::Close("mc:Fallback") => writer.hidden = writer.hidden.saturating_sub(1),
            _ if writer.hidden > 0 => {}
            Token::Open { name: "w:p", empty: false, .. } => writer.begin_paragraph(),
            Token::Close("w:p") => writer.end_paragraph(),
            Token::Open { name: "w:pStyle", attributes, .. } => {
                writer.heading = attribute(attributes, "w:val").and_then(|style| levels.get(&style).copied());
            }
            Token::Open { name: "w:outlineLvl", attributes, .. } => {
                let level = attribute(attributes, "w:val").and_then(|level| level.parse::<u8>().ok());
                writer.heading = level.filter(|level| *level < 9).map(|level| level + 1);
            }
            Token::Open { name: "w:t", empty, .. } => inside_text = !empty,
            Token::Close("w:t") => inside_text = false,
            Token::Text(text) if inside_text => writer.push(&text),
            // A tab stop among a paragraph's properties has attributes, a tab in the text has none.
            Token::Open { name: "w:tab", attributes, .. } if attributes.trim().is_empty() => writer.push("\t"),
            Token::Open { name: "w:br" | "w:cr", .. } => writer.push("\n"),
            Token::Open { name: "w:noBreakHyphen", .. } => writer.push("-"),
            Token::Open { name: "w:tc", empty: false, .. } => writer.begin_cell(),
            Token::Close("w:tc") => writer.end_cell(),
            Token::Close("w:tr") => line(&mut writer.text),
            Token::Close("w:tbl") => blank_line(&mut writer.text),
            Token::Open { .. } | Token::Close(_) | Token::Text(_) => {}
        }
    }
}

/// A presentation: slides as pages, each with its speaker's notes.
pub(super) fn slides(bytes: &[u8], mime: &str, limits: &Limits) -> Result<Content, Failure> {
    let mut package = Package::open(bytes, limits)?;
    let Some(show) = package.part("ppt/presentation.xml")? else {
        return Err(Failure::Broken("the presentation has no slide list".to_owned()));
    };
    let targets = package.relations("ppt/_rels/presentation.xml.rels")?;
    let ids = Tokens::new(&show).filter_map(|token| match token {
        Token::Open { name: "p:sldId", attributes, .. } => attribute(attributes, "r:id"),
        _ => None,
    });
    let mut writer = Writer::default();
    let mut pages = Vec::new();
    for (index, id) in ids.enumerate() {
        let Some(target) = targets.get(&id) else { continue };
        let file = target.rsplit('/').next().unwrap_or(target);
        blank_line(&mut writer.text);
        let start = writer.text.len();
        let slide = package.part(&format!("ppt/slides/{file}"))?;
        slide_text(slide.as_deref().unwrap_or_default(), &mut writer);
        let related = package.relations(&format!("ppt/slides/_rels/{file}.rels"))?;
        if let Some(notes) = related.values().find(|target| target.contains("notesSlides/")) {
            let file = notes.rsplit('/').next().unwrap_or(notes);
            slide_text(&package.part(&format!("ppt/notesSlides/{file}"))?.unwrap_or_default(), &mut writer);
        }
        let end = start.max(writer.text.trim_end().len());
        let reason = match (slide.is_some(), end > start) {
            (true, true) => None,
            (true, false) => Some("no text".to_owned()),
            (false, _) => Some("the slide is missing in the file".to_owned()),
        };
        let state = if reason.is_none() { PageState::Text } else { PageState::Skipped };
        pages.push(Page { number: u32::try_from(index + 1).unwrap_or(u32::MAX), state, reason, start, end });
    }
    let title = package.title()?;
    Ok(Content::text(ExtractedText { title, headings: writer.headings, pages, ..plain(mime, writer.text) }))
}

fn slide_text(xml: &str, writer: &mut Writer) {
    let mut inside_text = false;
    let mut is_title = false;
    let mut is_furniture = false;
    for token in Tokens::new(xml) {
        match token {
            Token::Open { name: "mc:Fallback", empty: false, .. } => writer.hidden += 1,
            Token::Close("mc:Fallback") => writer.hidden = writer.hidden.saturating_sub(1),
            _ if writer.hidden > 0 => {}
            Token::Open { name: "p:sp", .. } | Token::Close("p:sp") => (is_title, is_furniture) = (false, false),
            Token::Open { name: "p:ph", attributes, .. } => {
                let kind = attribute(attributes, "type").unwrap_or_default();
                is_title = matches!(kind.as_str(), "title" | "ctrTitle");
                is_furniture = matches!(kind.as_str(), "sldNum" | "dt" | "ftr" | "hdr" | "sldImg");
            }
            _ if is_furniture => {}
            Token::Open { name: "a:p", empty: false, .. } => {
                writer.begin_paragraph();
                writer.heading = is_title.then_some(1);
            }
            Token::Close("a:p") => writer.end_paragraph(),
            Token::Open { name: "a:t", empty, .. } => inside_text = !empty,
            Token::Close("a:t") => inside_text = false,
            Token::Text(text) if inside_text => writer.push(&text),
            Token::Open { name: "a:br", .. } => writer.push("\n"),
            Token::Open { name: "a:tc", empty: false, .. } => writer.begin_cell(),
            Token::Close("a:tc") => writer.end_cell(),
            Token::Close("a:tr") => line(&mut writer.text),
            Token::Open { .. } | Token::Close(_) | Token::Text(_) => {}
        }
    }
}
