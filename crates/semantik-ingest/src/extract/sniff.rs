//! What a file is, by its content. The name only decides between kinds of text.

use std::io::{Cursor, Read as _};

pub(super) const PDF: &str = "application/pdf";
pub(super) const RTF: &str = "application/rtf";
pub(super) const ZIP: &str = "application/zip";
pub(super) const TAR: &str = "application/x-tar";
pub(super) const GZIP: &str = "application/gzip";
pub(super) const SEVENZ: &str = "application/x-7z-compressed";
pub(super) const EML: &str = "message/rfc822";
pub(super) const MSG: &str = "application/vnd.ms-outlook";
pub(super) const ODP: &str = "application/vnd.oasis.opendocument.presentation";
pub(super) const OLE2: &str = "application/x-ole-storage";
pub(super) const OLE2_ENCRYPTED: &str = "application/encrypted";
pub(super) const UNKNOWN: &str = "application/octet-stream";

/// The type of binary content; `None` where it may be text.
pub(super) fn binary(bytes: &[u8]) -> Option<String> {
    let head = &bytes[..bytes.len().min(1024)];
    if find(head, b"%PDF-").is_some() {
        return Some(PDF.to_owned());
    }
    if head.starts_with(b"{\\rtf") {
        return Some(RTF.to_owned());
    }
    if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
        return Some(zip(bytes));
    }
    if head.starts_with(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1") {
        return Some(ole2(bytes).to_owned());
    }
    if head.starts_with(b"\x1f\x8b") {
        return Some(GZIP.to_owned());
    }
    if head.starts_with(b"7z\xbc\xaf\x27\x1c") {
        return Some(SEVENZ.to_owned());
    }
    if head.get(257..262) == Some(b"ustar") {
        return Some(TAR.to_owned());
    }
    let kind = infer::get(bytes)?;
    match kind.matcher_type() {
        infer::MatcherType::Text => None,
        // Two letters at the head are too little to call text an image or a program.
        _ if super::decode::text(head).is_some() => None,
        _ => Some(kind.mime_type().to_owned()),
    }
}

fn zip(bytes: &[u8]) -> String {
    let Ok(mut archive) = zip::ZipArchive::new(Cursor::new(bytes)) else {
        return truncated_zip(bytes).to_owned();
    };
    if let Ok(entry) = archive.by_name("mimetype") {
        let mut declared = String::new();
        if entry.take(200).read_to_string(&mut declared).is_ok() && declared.contains('/') {
            return declared.trim().to_owned();
        }
    }
    let mut content_types = String::new();
    if let Ok(entry) = archive.by_name("[Content_Types].xml")
        && entry.take(4 << 20).read_to_string(&mut content_types).is_ok()
        && let Some(mime) = office(&content_types)
    {
        return mime.to_owned();
    }
    let has = |name: &str| archive.index_for_name(name).is_some();
    if has("Index/Document.iwa") || has("Index.zip") || archive.file_names().any(|name| name.ends_with(".iwa")) {
        return iwork(&archive).to_owned();
    }
    ZIP.to_owned()
}

fn iwork(archive: &zip::ZipArchive<Cursor<&[u8]>>) -> &'static str {
    let any = |part: &str| archive.file_names().any(|name| name.contains(part));
    if any("Slide") {
        "application/x-iwork-keynote-sffkey"
    } else if any("Tables/") && any("CalculationEngine") && !any("Header") {
        "application/x-iwork-numbers-sffnumbers"
    } else {
        "application/x-iwork-pages-sffpages"
    }
}

/// The office type that `[Content_Types].xml` declares for the main part.
fn office(content_types: &str) -> Option<&'static str> {
    let declares = |part: &str| content_types.contains(part);
    if declares("wordprocessingml.document.main")
        || declares("ms-word.document.macroEnabled.main")
        || declares("wordprocessingml.template.main")
    {
        return Some("application/vnd.openxmlformats-officedocument.wordprocessingml.document");
    }
    if declares("presentationml.presentation.main")
        || declares("presentationml.slideshow.main")
        || declares("ms-powerpoint.presentation.macroEnabled.main")
    {
        return Some("application/vnd.openxmlformats-officedocument.presentationml.presentation");
    }
    if declares("ms-excel.sheet.binary.macroEnabled.main") {
        return Some("application/vnd.ms-excel.sheet.binary.macroEnabled.12");
    }
    let sheet = declares("spreadsheetml.sheet.main")
        || declares("spreadsheetml.template.main")
        || declares("ms-excel.sheet.macroEnabled.main");
    sheet.then_some("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")
}

/// A zip without its directory is broken; the names in the first entries still tell what it was.
fn truncated_zip(bytes: &[u8]) -> &'static str {
    let head = &bytes[..bytes.len().min(64 << 10)];
    if find(head, b"word/").is_some() {
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    } else if find(head, b"xl/").is_some() {
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    } else if find(head, b"ppt/").is_some() {
        "application/vnd.openxmlformats-officedocument.presentationml.presentation"
    } else {
        ZIP
    }
}

fn ole2(bytes: &[u8]) -> &'static str {
    let Ok(file) = cfb::CompoundFile::open(Cursor::new(bytes)) else { return OLE2 };
    let has = |name: &str| file.is_stream(name);
    if has("/EncryptedPackage") {
        OLE2_ENCRYPTED
    } else if has("/WordDocument") {
        "application/msword"
    } else if has("/Workbook") || has("/Book") {
        "application/vnd.ms-excel"
    } else if has("/PowerPoint Document") {
        "application/vnd.ms-powerpoint"
    } else if has("/__properties_version1.0") {
        MSG
    } else {
        OLE2
    }
}

pub(super) fn find(within: &[u8], what: &[u8]) -> Option<usize> {
    within.windows(what.len()).position(|window| window == what)
}
