//! Listing folders as they are found in the wild.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use semantik_core::source::DirectorySource;
use semantik_ingest::IngestError;
use semantik_ingest::connect::{Listed, Listing, check_directory, decode_path, encode_path, list_directory};
use tokio_util::sync::CancellationToken;

fn source(root: &Path) -> DirectorySource {
    DirectorySource { path: encode_path(root), include: Vec::new(), exclude: Vec::new(), hidden: false }
}

fn list(source: &DirectorySource) -> Result<(Listing, Vec<Listed>), IngestError> {
    let (sender, mut receiver) = tokio::sync::mpsc::channel(64);
    let listing = list_directory(source, sender, &CancellationToken::new())?;
    let mut files = Vec::new();
    while let Ok(batch) = receiver.try_recv() {
        assert!(batch.len() <= 1_000);
        files.extend(batch);
    }
    assert_eq!(listing.files, files.len() as u64);
    Ok((listing, files))
}

fn uris(source: &DirectorySource) -> Vec<String> {
    list(source).expect("the folder is readable").1.into_iter().map(|file| file.uri).collect()
}

fn write(root: &Path, name: impl AsRef<Path>) {
    let path = root.join(name);
    fs::create_dir_all(path.parent().expect("is below the root")).expect("can create");
    fs::write(path, "content").expect("can write");
}

#[test]
fn only_regular_files_inside_the_root_are_listed_in_order() {
    let outside = tempfile::tempdir().expect("a folder");
    write(outside.path(), "secret.txt");
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path();
    for name in ["b.txt", "a/z.txt", "a/b.md", ".hidden", ".git/config", "target.txt"] {
        write(root, name);
    }
    write(root, OsStr::from_bytes(b"caf\xe9 100%.txt"));
    symlink(root.join("target.txt"), root.join("inside.txt")).expect("can link");
    symlink(outside.path().join("secret.txt"), root.join("outside.txt")).expect("can link");
    symlink(root, root.join("a/circle")).expect("can link");
    symlink("nowhere", root.join("dangling")).expect("can link");
    std::os::unix::net::UnixListener::bind(root.join("socket")).expect("can bind");
    assert_eq!(uris(&source(root)), ["a/b.md", "a/z.txt", "b.txt", "caf%E9 100%25.txt", "inside.txt", "target.txt"]);
    assert!(root.join(decode_path("caf%E9 100%25.txt")).is_file());
    let hidden = DirectorySource { hidden: true, ..source(root) };
    assert!(uris(&hidden).contains(&".git/config".to_owned()));
}

#[test]
fn globs_and_ignore_files_filter() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path();
    for name in ["a.md", "a.txt", "docs/b.md", "docs/old/c.md", "build/d.md", "docs/e.log"] {
        write(root, name);
    }
    fs::write(root.join(".gitignore"), "*.md\n").expect("can write");
    fs::write(root.join("docs/.semantikignore"), "old/\n").expect("can write");
    let filtered =
        DirectorySource { include: vec!["*.md".to_owned()], exclude: vec!["build/".to_owned()], ..source(root) };
    assert_eq!(uris(&filtered), ["a.md", "docs/b.md"]);
    let deep = DirectorySource { include: vec!["docs/**".to_owned()], ..source(root) };
    assert_eq!(uris(&deep), ["docs/b.md", "docs/e.log"]);
    let bad = DirectorySource { include: vec!["a[".to_owned()], ..source(root) };
    assert!(matches!(check_directory(&bad), Err(IngestError::InvalidPattern { .. })));
}

#[test]
fn a_folder_that_is_gone_is_an_error_and_one_that_is_shut_is_reported() {
    let folder = tempfile::tempdir().expect("a folder");
    let gone = source(&folder.path().join("gone"));
    assert!(matches!(list(&gone), Err(IngestError::SourceUnreadable { .. })));
    let shut = folder.path().join("shut");
    write(folder.path(), "shut/a.txt");
    write(folder.path(), "open.txt");
    fs::set_permissions(&shut, fs::Permissions::from_mode(0o000)).expect("can shut");
    let is_root = fs::read_dir(&shut).is_ok();
    let (listing, files) = list(&source(folder.path())).expect("the root is readable");
    fs::set_permissions(&shut, fs::Permissions::from_mode(0o700)).expect("can open");
    assert!(is_root || (listing.unreadable.len() == 1 && files.len() == 1));
}

#[test]
fn many_files_come_in_batches_and_cancel_stops_them() {
    let folder = tempfile::tempdir().expect("a folder");
    for number in 0..2_500 {
        write(folder.path(), format!("{number:05}.txt"));
    }
    let all = uris(&source(folder.path()));
    assert!(all.len() == 2_500 && all.is_sorted());
    let cancel = CancellationToken::new();
    cancel.cancel();
    let (sender, _receiver) = tokio::sync::mpsc::channel(1);
    assert!(matches!(list_directory(&source(folder.path()), sender, &cancel), Err(IngestError::Cancelled)));
}
