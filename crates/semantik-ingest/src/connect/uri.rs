//! Paths as text: UTF-8 stays readable, everything else is percent-encoded, and the way back is
//! exact for every path a file system can hold.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

/// Encodes a path: `%`, control characters and bytes that are not UTF-8 become `%XX`.
pub fn encode_path(path: &Path) -> String {
    let bytes = path.as_os_str().as_bytes();
    let mut encoded = String::with_capacity(bytes.len());
    for part in bytes.utf8_chunks() {
        for character in part.valid().chars() {
            if character == '%' || character.is_control() {
                let mut buffer = [0; 4];
                push_encoded(&mut encoded, character.encode_utf8(&mut buffer).as_bytes());
            } else {
                encoded.push(character);
            }
        }
        push_encoded(&mut encoded, part.invalid());
    }
    encoded
}

/// The path that [`encode_path`] encoded. A `%` that no two hex digits follow stands for itself.
pub fn decode_path(uri: &str) -> PathBuf {
    let bytes = uri.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let byte = (bytes[at] == b'%').then(|| hex_byte(bytes.get(at + 1..at + 3)?)).flatten();
        decoded.push(byte.unwrap_or(bytes[at]));
        at += if byte.is_some() { 3 } else { 1 };
    }
    PathBuf::from(OsString::from_vec(decoded))
}

fn push_encoded(text: &mut String, bytes: &[u8]) {
    for byte in bytes {
        let _ = write!(text, "%{byte:02X}");
    }
}

fn hex_byte(digits: &[u8]) -> Option<u8> {
    let high = char::from(digits[0]).to_digit(16)?;
    let low = char::from(digits[1]).to_digit(16)?;
    u8::try_from(high * 16 + low).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, proptest};

    use super::*;

    proptest! {
        #[test]
        fn every_path_comes_back_exactly(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let path = PathBuf::from(OsString::from_vec(bytes));
            assert_eq!(decode_path(&encode_path(&path)), path);
        }

        #[test]
        fn every_text_path_comes_back_exactly(text in "\\PC{0,40}%?[0-9a-f]{0,3}") {
            let path = PathBuf::from(&text);
            assert_eq!(decode_path(&encode_path(&path)), path);
        }
    }

    #[test]
    fn readable_names_stay_readable() {
        assert_eq!(encode_path(Path::new("Straße/文 a+b.txt")), "Straße/文 a+b.txt");
        assert_eq!(encode_path(Path::new("100%\n")), "100%25%0A");
        assert_eq!(encode_path(&PathBuf::from(OsString::from_vec(b"caf\xe9".to_vec()))), "caf%E9");
    }
}
