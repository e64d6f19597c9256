//! Text in pictures, through the program `tesseract` where it is installed.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use semantik_core::document::SkipReason;

use super::decode::normalise;
use super::formats::Content;

const PROGRAM: &str = "tesseract";

/// Whether pictures can be read at all.
pub(super) fn available() -> bool {
    static AVAILABLE: OnceLock<bool> = OnceLock::new();
    *AVAILABLE.get_or_init(|| {
        let version = Command::new(PROGRAM).arg("--version").stdin(Stdio::null()).output();
        version.is_ok_and(|output| output.status.success())
    })
}

/// Content of a picture file.
pub(super) fn image(bytes: &[u8], mime: &str) -> Content {
    if !available() {
        return Content::skipped(mime, SkipReason::NoOcr, "a picture; reading text in it needs the program tesseract");
    }
    match read(bytes) {
        Ok(text) if !text.is_empty() => Content::plain(mime, text),
        Ok(_) => Content::skipped(mime, SkipReason::NoText, "the picture holds no text"),
        Err(why) => Content::skipped(mime, SkipReason::NoText, format!("the picture cannot be read: {why}")),
    }
}

/// Text in an encoded picture.
pub(super) fn read(image: &[u8]) -> Result<String, String> {
    let mut command = Command::new(PROGRAM);
    command.args(["stdin", "stdout"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut process = command.spawn().map_err(|e| e.to_string())?;
    if let Some(mut input) = process.stdin.take() {
        // It reads the whole picture before it writes; when it refuses to, its exit tells.
        let _ = input.write_all(image);
    }
    let output = process.wait_with_output().map_err(|e| e.to_string())?;
    if !output.status.success() {
        return Err(format!("{PROGRAM} ended with {}", output.status));
    }
    Ok(normalise(&String::from_utf8_lossy(&output.stdout)).replace('\u{c}', "").trim().to_owned())
}
