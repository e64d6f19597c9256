//! Bytes that may be text become text, or are found to be none.

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

/// Bytes looked at to tell text from data.
const SAMPLE: usize = 64 << 10;

/// Decodes text in whatever encoding it is in; `None` for bytes that are no text. Line ends become
/// `\n`, NULs and the byte order mark are dropped.
pub(super) fn text(bytes: &[u8]) -> Option<String> {
    let encoding = encoding(bytes)?;
    let (decoded, _) = encoding.decode_with_bom_removal(bytes);
    if encoding != UTF_8 && looks_wrong(&decoded) {
        return None;
    }
    Some(normalise(&decoded))
}

/// `\r\n` and `\r` become `\n`; NULs go.
pub(super) fn normalise(text: &str) -> String {
    if !text.bytes().any(|byte| byte == b'\r' || byte == 0) {
        return text.to_owned();
    }
    text.replace("\r\n", "\n").replace('\r', "\n").replace('\0', "")
}

fn encoding(bytes: &[u8]) -> Option<&'static Encoding> {
    if let Some((encoding, _)) = Encoding::for_bom(bytes) {
        return Some(encoding);
    }
    let sample = &bytes[..bytes.len().min(SAMPLE)];
    if let Some(encoding) = utf16_without_mark(sample) {
        return Some(encoding);
    }
    let rare = |byte: &&u8| matches!(byte, 0..=6 | 14..=26 | 28..=31 | 127);
    let noise = sample.iter().filter(rare).count();
    let nuls = sample.iter().filter(|byte| **byte == 0).count();
    // A stray control character is no proof of a binary file, many are.
    if noise * 50 > sample.len() || nuls * 500 > sample.len() {
        return None;
    }
    if std::str::from_utf8(bytes).is_ok() {
        return Some(UTF_8);
    }
    let mut detector = chardetng::EncodingDetector::new(chardetng::Iso2022JpDetection::Allow);
    detector.feed(&bytes[..bytes.len().min(1 << 20)], true);
    Some(detector.guess(None, chardetng::Utf8Detection::Allow))
}

/// Text of mostly Latin letters in UTF-16 has a NUL in every second byte.
fn utf16_without_mark(sample: &[u8]) -> Option<&'static Encoding> {
    let pairs = sample.chunks_exact(2);
    let count = pairs.len();
    if count < 4 {
        return None;
    }
    let (mut low, mut high) = (0, 0);
    for pair in pairs {
        low += usize::from(pair[0] == 0 && pair[1] != 0);
        high += usize::from(pair[1] == 0 && pair[0] != 0);
    }
    if high * 10 > count * 7 && low * 50 < count {
        return Some(UTF_16LE);
    }
    (low * 10 > count * 7 && high * 50 < count).then_some(UTF_16BE)
}

/// Whether a guess was wrong: data decoded as text is full of control and replacement characters.
fn looks_wrong(text: &str) -> bool {
    let mut seen = 0;
    let mut wrong = 0;
    for character in text.chars().take(SAMPLE) {
        seen += 1;
        let odd = character.is_control() && !matches!(character, '\n' | '\r' | '\t' | '\u{c}' | '\u{1b}' | '\u{85}');
        wrong += usize::from(odd || character == '\u{fffd}');
    }
    wrong * 50 > seen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_encodings_are_recognised() {
        let check = |bytes: &[u8], expect: &str| assert_eq!(text(bytes).as_deref(), Some(expect));
        check("Größe\r\nzwei\rdrei".as_bytes(), "Größe\nzwei\ndrei");
        check(b"\xef\xbb\xbfmark", "mark");
        check(b"Die Stra\xdfe ist gesperrt, die Br\xfccke auch.", "Die Straße ist gesperrt, die Brücke auch.");
        let (japanese, _, _) = encoding_rs::SHIFT_JIS.encode("日本語の文章を書きます。これはテストです。");
        check(&japanese, "日本語の文章を書きます。これはテストです。");
        let utf16: Vec<u8> = "\u{feff}weiß".encode_utf16().flat_map(u16::to_le_bytes).collect();
        check(&utf16, "weiß");
        let bare: Vec<u8> = "plain words here".encode_utf16().flat_map(u16::to_be_bytes).collect();
        check(&bare, "plain words here");
    }

    #[test]
    fn data_is_not_text() {
        let data: Vec<u8> = (0..4096_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        assert_eq!(text(&data), None);
        assert_eq!(text(&[0; 512]), None);
    }
}
