//! Messages: head and body as text, attachments as members.

use std::fmt::Write as _;
use std::io::{Cursor, Read as _};

use mail_parser::{Address, Message, MessageParser, MimeHeaders as _};
use semantik_core::document::ExtractedText;

use super::archive::Members;
use super::formats::{Content, plain};
use super::protocol::Failure;
use super::{Limits, decode, markup, office, sniff};

/// Most bytes that attachments decode to, for each byte of the message, is near one; the budget of
/// containers is far above and only stops nonsense.
pub(super) fn internet(bytes: &[u8], limits: &Limits) -> Result<Content, Failure> {
    let message =
        MessageParser::default().parse(bytes).ok_or_else(|| Failure::Broken("not a readable message".to_owned()))?;
    let mut text = head(&message);
    for index in 0..message.text_body_count().min(64) {
        if let Some(body) = message.body_text(index) {
            let _ = write!(text, "\n{}\n", decode::normalise(body.trim()));
        }
    }
    let mut members = Members::new(bytes.len(), limits);
    for (index, part) in message.attachments().enumerate() {
        let inner = part.message().map(Message::raw_message);
        let name = part.attachment_name().map_or_else(|| unnamed(index, inner.is_some()), str::to_owned);
        members.add(&name, &mut inner.unwrap_or_else(|| part.contents()))?;
    }
    let title = message.subject().map(str::to_owned);
    let mut content = Content::text(ExtractedText { title, ..plain(sniff::EML, text.trim().to_owned()) });
    content.members = members.into_members();
    Ok(content)
}

fn unnamed(index: usize, message: bool) -> String {
    format!("attachment-{}{}", index + 1, if message { ".eml" } else { "" })
}

fn head(message: &Message<'_>) -> String {
    let mut head = String::new();
    if let Some(subject) = message.subject() {
        let _ = writeln!(head, "{subject}");
    }
    for (label, address) in [("From", message.from()), ("To", message.to()), ("Cc", message.cc())] {
        let names = address.map(people).unwrap_or_default();
        if !names.is_empty() {
            let _ = writeln!(head, "{label}: {names}");
        }
    }
    if let Some(date) = message.date() {
        let _ = writeln!(head, "Date: {}", date.to_rfc3339());
    }
    head
}

fn people(address: &Address<'_>) -> String {
    let shown = address.iter().filter_map(|person| match (person.name(), person.address()) {
        (Some(name), Some(address)) => Some(format!("{name} <{address}>")),
        (name, address) => name.or(address).map(str::to_owned),
    });
    shown.collect::<Vec<_>>().join(", ")
}

/// Outlook messages: text by kreuzberg, attachments out of the compound file.
pub(super) fn outlook(bytes: &[u8], limits: &Limits) -> Result<Content, Failure> {
    let result = match office::parse(bytes, sniff::MSG, limits) {
        Ok(result) => result,
        Err(error) => return office::refused(&error, sniff::MSG),
    };
    let mut text = plain(sniff::MSG, String::new());
    markup::strip(&decode::normalise(&result.content), &mut text.text, &mut text.headings);
    text.title = result.metadata.title;
    let mut content = Content::text(text);
    content.members = outlook_attachments(bytes, limits)?;
    Ok(content)
}

fn outlook_attachments(bytes: &[u8], limits: &Limits) -> Result<Vec<super::Member>, Failure> {
    let broken = |e: std::io::Error| Failure::Broken(e.to_string());
    let mut file = cfb::CompoundFile::open(Cursor::new(bytes)).map_err(broken)?;
    let entries = file.read_root_storage();
    let storages: Vec<String> = entries
        .filter(|entry| entry.is_storage() && entry.name().starts_with("__attach_version1.0"))
        .map(|entry| entry.name().to_owned())
        .collect();
    let mut members = Members::new(bytes.len(), limits);
    for (index, storage) in storages.iter().enumerate() {
        let mut property = |tag: &str| -> Option<Vec<u8>> {
            let mut stream = file.open_stream(format!("/{storage}/__substg1.0_{tag}")).ok()?;
            let mut value = Vec::new();
            stream.read_to_end(&mut value).ok()?;
            Some(value)
        };
        // An attached Outlook message is a storage, not a stream of bytes; it is left out.
        let Some(data) = property("37010102") else { continue };
        let name = property("3707001F").or_else(|| property("3704001F")).map(|name| utf16(&name));
        members.add(&name.unwrap_or_else(|| unnamed(index, false)), &mut data.as_slice())?;
    }
    Ok(members.into_members())
}

fn utf16(bytes: &[u8]) -> String {
    let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
    String::from_utf16_lossy(&units).trim_end_matches('\0').to_owned()
}
