//! Walking a folder. What it lists is stable in order and holds only regular files inside the root;
//! what it could not read is reported, because a missing file must not be taken for a deleted one.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use ignore::{DirEntry, WalkBuilder};
use semantik_core::Timestamp;
use semantik_core::source::DirectorySource;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::uri::{decode_path, encode_path};
use super::{Listed, Listing};
use crate::IngestError;

/// Most files of a batch.
const BATCH: usize = 1_000;
/// The file of ignore patterns, in gitignore syntax, that any folder may hold.
const IGNORE_FILE: &str = ".semantikignore";

pub(super) fn check(source: &DirectorySource) -> Result<(), IngestError> {
    open_root(source)?;
    globs(&source.include)?;
    globs(&source.exclude)?;
    Ok(())
}

pub(super) fn list(
    source: &DirectorySource,
    batches: &mpsc::Sender<Vec<Listed>>,
    cancel: &CancellationToken,
) -> Result<Listing, IngestError> {
    let (root, device) = open_root(source)?;
    let include = globs(&source.include)?;
    let walker = walker(&root, source.hidden, globs(&source.exclude)?);
    let mut listing = Listing { files: 0, unreadable: Vec::new() };
    let mut batch = Vec::new();
    for entry in walker {
        if cancel.is_cancelled() {
            return Err(IngestError::Cancelled);
        }
        match entry {
            Ok(entry) => match listed(&root, &entry, &include) {
                Ok(Some(file)) => batch.push(file),
                Ok(None) => {}
                Err(why) => listing.unreadable.push(format!("{}: {why}", shown(&root, entry.path()))),
            },
            Err(error) => listing.unreadable.push(error.to_string()),
        }
        if batch.len() >= BATCH {
            send(&mut batch, &mut listing, batches)?;
        }
    }
    send(&mut batch, &mut listing, batches)?;
    // A mount that went away during the walk must not look like a folder that was emptied.
    let (_, device_now) = open_root(source)?;
    if device_now != device {
        return Err(unreadable(source, "it was mounted or unmounted while it was listed"));
    }
    Ok(listing)
}

/// The root's real path and what identifies it.
fn open_root(source: &DirectorySource) -> Result<(PathBuf, (u64, u64)), IngestError> {
    let path = decode_path(&source.path);
    if !path.is_absolute() {
        return Err(unreadable(source, "the path is not absolute"));
    }
    let root = path.canonicalize().map_err(|e| unreadable(source, &e.to_string()))?;
    let metadata = root.metadata().map_err(|e| unreadable(source, &e.to_string()))?;
    if !metadata.is_dir() {
        return Err(unreadable(source, "it is not a folder"));
    }
    std::fs::read_dir(&root).map_err(|e| unreadable(source, &e.to_string()))?;
    Ok((root, (metadata.dev(), metadata.ino())))
}

fn unreadable(source: &DirectorySource, why: &str) -> IngestError {
    IngestError::SourceUnreadable { location: source.path.clone(), why: why.to_owned() }
}

fn globs(patterns: &[String]) -> Result<GlobSet, IngestError> {
    let mut set = GlobSetBuilder::new();
    let mut add = |pattern: &str, shown: &str| {
        let glob = GlobBuilder::new(pattern).literal_separator(true).build();
        let invalid =
            |e: globset::Error| IngestError::InvalidPattern { pattern: shown.to_owned(), why: e.kind().to_string() };
        set.add(glob.map_err(invalid)?);
        Ok::<(), IngestError>(())
    };
    for pattern in patterns {
        let trimmed = pattern.trim_start_matches('/').trim_end_matches('/');
        add(trimmed, pattern)?;
        // As in gitignore, a pattern without a slash is about names at any depth.
        if !pattern.trim_end_matches('/').contains('/') {
            add(&format!("**/{trimmed}"), pattern)?;
        }
    }
    set.build().map_err(|e| IngestError::InvalidPattern { pattern: patterns.join(", "), why: e.to_string() })
}

fn walker(root: &Path, hidden: bool, exclude: GlobSet) -> ignore::Walk {
    let base = root.to_owned();
    WalkBuilder::new(root)
        .standard_filters(false)
        .hidden(!hidden)
        .parents(false)
        .follow_links(false)
        .add_custom_ignore_filename(IGNORE_FILE)
        .sort_by_file_name(std::ffi::OsStr::cmp)
        .filter_entry(move |entry| {
            let relative = entry.path().strip_prefix(&base).unwrap_or(entry.path());
            relative.as_os_str().is_empty() || !exclude.is_match(relative)
        })
        .build()
}

/// What the listing says about an entry; `None` for folders, what is filtered out and what is no
/// regular file.
fn listed(root: &Path, entry: &DirEntry, include: &GlobSet) -> Result<Option<Listed>, String> {
    if let Some(error) = entry.error() {
        tracing::debug!(path = %entry.path().display(), %error, "an ignore file could not be read in full");
    }
    let relative = entry.path().strip_prefix(root).map_err(|e| e.to_string())?;
    let Some(kind) = entry.file_type() else { return Ok(None) };
    if kind.is_dir() || !(include.is_empty() || include.is_match(relative)) || entry.file_name() == IGNORE_FILE {
        return Ok(None);
    }
    let metadata = if kind.is_symlink() {
        let Ok(target) = entry.path().canonicalize() else { return Ok(None) };
        if !target.starts_with(root) {
            return Ok(None);
        }
        target.metadata().map_err(|e| e.to_string())?
    } else if kind.is_file() {
        entry.path().symlink_metadata().map_err(|e| e.to_string())?
    } else {
        return Ok(None);
    };
    if !metadata.is_file() {
        return Ok(None);
    }
    Ok(Some(Listed {
        uri: encode_path(relative),
        name: encode_path(Path::new(entry.file_name())),
        path: entry.path().to_owned(),
        size: metadata.len(),
        modified_at: modified(&metadata),
    }))
}

fn modified(metadata: &Metadata) -> Option<Timestamp> {
    metadata.mtime().checked_mul(1_000)?.checked_add(metadata.mtime_nsec() / 1_000_000)
}

fn shown(root: &Path, path: &Path) -> String {
    encode_path(path.strip_prefix(root).unwrap_or(path))
}

fn send(
    batch: &mut Vec<Listed>,
    listing: &mut Listing,
    batches: &mpsc::Sender<Vec<Listed>>,
) -> Result<(), IngestError> {
    if batch.is_empty() {
        return Ok(());
    }
    listing.files += batch.len() as u64;
    batches.blocking_send(std::mem::take(batch)).map_err(|_| IngestError::Cancelled)
}
