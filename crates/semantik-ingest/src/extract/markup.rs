//! Markdown and web pages: headings with faithful offsets, and text without the markup.

use html_to_markdown_rs::{ConversionOptions, HeadingStyle};
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
use semantik_core::document::{ExtractedText, Heading};

use super::formats::plain as plain_text;
use super::protocol::Failure;
use super::xml;

/// Tags that HTML in Markdown may have; anything else between angle brackets is somebody's text.
const INLINE_TAGS: &[&str] = &[
    "a", "abbr", "b", "br", "center", "cite", "code", "dd", "del", "details", "div", "dl", "dt", "em", "figure",
    "font", "i", "img", "ins", "kbd", "li", "mark", "ol", "p", "pre", "q", "s", "small", "span", "strong", "sub",
    "summary", "sup", "table", "tbody", "td", "th", "thead", "tr", "tt", "u", "ul", "var",
];

fn options() -> Options {
    Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_YAML_STYLE_METADATA_BLOCKS
}

/// Headings of a Markdown text; what stands in fenced code is none.
pub(super) fn headings(text: &str) -> Vec<Heading> {
    let mut headings: Vec<Heading> = Vec::new();
    let mut inside = false;
    for (event, range) in Parser::new_ext(text, options()).into_offset_iter() {
        match event {
            Event::Start(Tag::Heading { level, .. }) => {
                inside = true;
                headings.push(Heading { level: level as u8, text: String::new(), start: range.start });
            }
            Event::End(TagEnd::Heading(_)) => inside = false,
            Event::Text(part) | Event::Code(part) if inside => {
                if let Some(heading) = headings.last_mut() {
                    heading.text.push_str(&part);
                }
            }
            Event::SoftBreak | Event::HardBreak if inside => {
                if let Some(heading) = headings.last_mut() {
                    heading.text.push(' ');
                }
            }
            _ => {}
        }
    }
    tidy(headings)
}

fn tidy(headings: Vec<Heading>) -> Vec<Heading> {
    let trimmed = headings.into_iter().map(|heading| Heading { text: heading.text.trim().to_owned(), ..heading });
    trimmed.filter(|heading| !heading.text.is_empty()).collect()
}

/// A document rendered as Markdown becomes its text, appended to `into` with its headings.
pub(super) fn strip(markdown: &str, into: &mut String, headings: &mut Vec<Heading>) {
    let mut found: Vec<Heading> = Vec::new();
    let mut inside = None;
    let mut hidden = false;
    for event in Parser::new_ext(markdown, options()) {
        match event {
            Event::Start(Tag::Heading { level, .. }) => {
                blank_line(into);
                inside = Some((level as u8, into.len()));
            }
            Event::End(TagEnd::Heading(_)) => {
                if let Some((level, start)) = inside.take() {
                    found.push(Heading { level, text: into[start..].to_owned(), start });
                }
                blank_line(into);
            }
            Event::Start(Tag::MetadataBlock(_)) => hidden = true,
            Event::End(TagEnd::MetadataBlock(_)) => hidden = false,
            Event::Start(Tag::Item) => line(into),
            Event::Start(Tag::Paragraph | Tag::CodeBlock(_) | Tag::Table(_)) => {}
            Event::End(
                TagEnd::Paragraph | TagEnd::CodeBlock | TagEnd::Table | TagEnd::List(_) | TagEnd::BlockQuote(_),
            ) => blank_line(into),
            Event::End(TagEnd::TableRow | TagEnd::TableHead | TagEnd::Item) => line(into),
            Event::End(TagEnd::TableCell) => into.push('\t'),
            Event::Text(part) | Event::Code(part) if !hidden => into.push_str(&part),
            Event::SoftBreak | Event::HardBreak => into.push('\n'),
            Event::Html(part) | Event::InlineHtml(part) => tags(&part, into),
            _ => {}
        }
    }
    into.truncate(into.trim_end().len());
    headings.extend(tidy(found));
}

fn tags(part: &str, into: &mut String) {
    let mut rest = part;
    while let Some(open) = rest.find('<') {
        into.push_str(&rest[..open]);
        let tag = &rest[open..];
        let Some(close) = tag.find('>') else {
            rest = tag;
            break;
        };
        let name: String = tag[1..].trim_start_matches('/').chars().take_while(char::is_ascii_alphanumeric).collect();
        if name == "br" {
            into.push('\n');
        } else if !tag.starts_with("<!--") && !INLINE_TAGS.contains(&name.to_ascii_lowercase().as_str()) {
            into.push_str(&tag[..=close]);
        }
        rest = &tag[close + 1..];
    }
    if !rest.starts_with("<!--") {
        into.push_str(rest);
    }
}

pub(super) fn line(into: &mut String) {
    let end = into.trim_end_matches([' ', '\t']).len();
    into.truncate(end);
    if !into.is_empty() && !into.ends_with('\n') {
        into.push('\n');
    }
}

pub(super) fn blank_line(into: &mut String) {
    line(into);
    if !into.is_empty() && !into.ends_with("\n\n") {
        into.push('\n');
    }
}

/// A web page as its text, without scripts, styles and tags.
pub(super) fn html(page: &str) -> Result<ExtractedText, Failure> {
    let options = ConversionOptions {
        extract_metadata: false,
        heading_style: HeadingStyle::Atx,
        skip_images: true,
        ..ConversionOptions::default()
    };
    let converted = html_to_markdown_rs::convert(page, options).map_err(|e| Failure::Broken(e.to_string()))?;
    let mut text = ExtractedText { title: title(page), ..plain_text("text/html", String::new()) };
    strip(&converted.content.unwrap_or_default(), &mut text.text, &mut text.headings);
    Ok(text)
}

fn title(page: &str) -> Option<String> {
    let head = page.get(..page.find("</head>").or(page.find("</HEAD>"))?)?;
    let lower = head.to_ascii_lowercase();
    let open = lower.find("<title")?;
    let start = open + lower[open..].find('>')? + 1;
    let end = start + lower[start..].find("</title")?;
    let words: Vec<&str> = head[start..end].split_whitespace().collect();
    Some(xml::decode(&words.join(" "))).filter(|title| !title.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_have_offsets_and_code_has_none() {
        let text = "---\ntitle: x\n---\n# One *two*\n\n```\n# no\n```\nUnder\n-----\ntext";
        let found = headings(text);
        assert_eq!(
            found.iter().map(|h| (h.level, h.text.as_str())).collect::<Vec<_>>(),
            [(1, "One two"), (2, "Under")]
        );
        assert!(text[found[0].start..].starts_with("# One"));
        assert!(text[found[1].start..].starts_with("Under"));
    }

    #[test]
    fn stripping_keeps_text_and_drops_markup() {
        let (mut text, mut found) = (String::new(), Vec::new());
        strip(
            "# A **b**\n\nSome *text* with <T> and `code`<br>end.\n\n| x | y |\n|---|---|\n| 1 | 2 |\n\n- one\n- two\n",
            &mut text,
            &mut found,
        );
        assert_eq!(text, "A b\n\nSome text with <T> and code\nend.\n\nx\ty\n1\t2\n\none\ntwo");
        assert_eq!((found[0].text.as_str(), found[0].start), ("A b", 0));
    }
}
