//! Containers: their members as files of their own, with sane names and within the limits. The
//! text of a container is the list of its members, so that it is found by what is in it.

use std::collections::HashSet;
use std::io::{Cursor, Read};
use std::path::Path;

use semantik_core::document::SkipReason;

use super::formats::{Content, plain};
use super::protocol::Failure;
use super::{Limits, Member, Outcome, sniff};
use crate::connect::encode_path;

/// Unpacked bytes per packed byte beyond which a container is taken for a bomb.
const RATIO: u64 = 200;
/// Unpacked bytes that are never suspicious.
const HARMLESS: u64 = 32 << 20;

/// Collects members and stops where the limits are.
pub(super) struct Members {
    members: Vec<Member>,
    names: HashSet<String>,
    left: u64,
    most: usize,
    encrypted: usize,
}

impl Members {
    pub(super) fn new(packed: usize, limits: &Limits) -> Self {
        let by_ratio = (packed as u64).saturating_mul(RATIO).max(HARMLESS);
        Self {
            members: Vec::new(),
            names: HashSet::new(),
            left: by_ratio.min(limits.output_bytes),
            most: limits.members,
            encrypted: 0,
        }
    }

    /// Reads one member, however large it claims to be.
    pub(super) fn add(&mut self, name: &str, content: &mut dyn Read) -> Result<(), Failure> {
        if self.members.len() >= self.most {
            return Err(Failure::Bomb(format!("more than {} members", self.most)));
        }
        let mut bytes = Vec::new();
        let read = content.take(self.left + 1).read_to_end(&mut bytes);
        let read = read.map_err(|e| Failure::Broken(format!("the member {name} cannot be unpacked: {e}")))? as u64;
        if read > self.left {
            return Err(Failure::Bomb("the members unpack to far more than they should".to_owned()));
        }
        self.left -= read;
        let name = self.unique(&sane(name));
        self.members.push(Member { name, bytes });
        Ok(())
    }

    fn unique(&mut self, name: &str) -> String {
        let mut candidate = name.to_owned();
        let mut number = 2;
        while !self.names.insert(candidate.clone()) {
            candidate = format!("{name} ({number})");
            number += 1;
        }
        candidate
    }

    pub(super) fn into_members(self) -> Vec<Member> {
        self.members
    }

    fn content(self, mime: &str) -> Content {
        if self.members.is_empty() {
            let (policy, message) = match self.encrypted {
                0 => (SkipReason::Empty, "the archive holds no files"),
                _ => (SkipReason::Encrypted, "the archive is protected by a password"),
            };
            return Content::skipped(mime, policy, message);
        }
        let names: Vec<&str> = self.members.iter().map(|member| member.name.as_str()).collect();
        let outcome = Outcome::Text(plain(mime, names.join("\n")));
        Content { mime: mime.to_owned(), outcome, members: self.members }
    }
}

/// A relative path with `/` and without steps up, encoded like a URI.
fn sane(name: &str) -> String {
    let parts = name.split(['/', '\\']).filter(|part| !matches!(*part, "" | "." | "..") && !part.ends_with(':'));
    let joined = parts.collect::<Vec<_>>().join("/");
    if joined.is_empty() { "unnamed".to_owned() } else { encode_path(Path::new(&joined)) }
}

pub(super) fn zip(bytes: &[u8], limits: &Limits) -> Result<Content, Failure> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(|e| Failure::Broken(e.to_string()))?;
    if archive.len() > limits.members.saturating_mul(2) {
        return Err(Failure::Bomb(format!("{} entries", archive.len())));
    }
    let mut members = Members::new(bytes.len(), limits);
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index).map_err(|e| Failure::Broken(e.to_string()))?;
        let (file, encrypted) = (entry.is_file(), entry.encrypted());
        drop(entry);
        if encrypted {
            members.encrypted += 1;
        } else if file {
            let mut entry = archive.by_index(index).map_err(|e| Failure::Broken(e.to_string()))?;
            let name = entry.name().to_owned();
            members.add(&name, &mut entry)?;
        }
    }
    Ok(members.content(sniff::ZIP))
}

pub(super) fn tar(bytes: &[u8], limits: &Limits) -> Result<Content, Failure> {
    let mut members = Members::new(bytes.len(), limits);
    untar(bytes, &mut members)?;
    Ok(members.content(sniff::TAR))
}

fn untar(bytes: &[u8], members: &mut Members) -> Result<(), Failure> {
    let broken = |e: std::io::Error| Failure::Broken(e.to_string());
    let mut archive = tar::Archive::new(Cursor::new(bytes));
    for entry in archive.entries().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        if entry.header().entry_type().is_file() {
            let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            members.add(&name, &mut entry)?;
        }
    }
    Ok(())
}

/// A compressed tar archive, or one compressed file.
pub(super) fn gzip(bytes: &[u8], name: &str, limits: &Limits) -> Result<Content, Failure> {
    let mut decoder = flate2::read::MultiGzDecoder::new(bytes);
    let mut inner = Members::new(bytes.len(), limits);
    inner.add("tar", &mut decoder)?;
    let unpacked = inner.into_members().pop().map(|member| member.bytes).unwrap_or_default();
    let mut members = Members::new(bytes.len(), limits);
    if sniff::binary(&unpacked).as_deref() == Some(sniff::TAR) {
        untar(&unpacked, &mut members)?;
    } else {
        let base = name.rsplit('/').next().unwrap_or(name);
        let lower = base.to_ascii_lowercase();
        let inner_name = if lower.ends_with(".gz") { &base[..base.len() - 3] } else { base };
        members.add(inner_name, &mut unpacked.as_slice())?;
    }
    Ok(members.content(sniff::GZIP))
}

pub(super) fn sevenz(bytes: &[u8], limits: &Limits) -> Result<Content, Failure> {
    let reader = sevenz_rust2::ArchiveReader::new(Cursor::new(bytes), sevenz_rust2::Password::empty());
    let mut reader = match reader {
        Ok(reader) => reader,
        Err(error) => return seven_refused(&error),
    };
    let mut members = Members::new(bytes.len(), limits);
    let mut failure = None;
    let walked = reader.for_each_entries(|entry, content| {
        if entry.is_directory() {
            return Ok(true);
        }
        match members.add(entry.name(), content) {
            Ok(()) => Ok(true),
            Err(error) => {
                failure = Some(error);
                Ok(false)
            }
        }
    });
    match (failure, walked) {
        (Some(Failure::Broken(why)), _) if why.to_ascii_lowercase().contains("password") => encrypted(),
        (Some(failure), _) => Err(failure),
        (None, Err(error)) => seven_refused(&error),
        (None, Ok(())) => Ok(members.content(sniff::SEVENZ)),
    }
}

fn seven_refused(error: &sevenz_rust2::Error) -> Result<Content, Failure> {
    let text = format!("{error:?}");
    if text.contains("Password") || text.to_ascii_lowercase().contains("aes") {
        return encrypted();
    }
    Err(Failure::Broken(text.chars().take(300).collect()))
}

fn encrypted() -> Result<Content, Failure> {
    Ok(Content::skipped(sniff::SEVENZ, SkipReason::Encrypted, "the archive is protected by a password"))
}

#[cfg(test)]
mod tests {
    use super::sane;

    #[test]
    fn member_names_cannot_climb() {
        let check = |name: &str, expect: &str| assert_eq!(sane(name), expect);
        check("../../etc/passwd", "etc/passwd");
        check("/abs/a.txt", "abs/a.txt");
        check("C:\\dir\\b.txt", "dir/b.txt");
        check("a%b\n", "a%25b%0A");
        check("..", "unnamed");
    }
}
