//! The text files of the workspace, read once. Build output, downloads and binary files are left out.

use std::io;
use std::path::Path;

/// Folders that hold nothing of ours.
const SKIPPED: &[&str] = &[".git", ".cache", "target", "node_modules", "dist", "__pycache__"];
/// Files below these hold foreign text (licences, corpora, generated answers), which no house rule binds.
const FOREIGN: &[&str] = &["/tests/data/", "/snapshots/"];

/// One text file.
#[derive(Debug, Clone)]
pub struct File {
    /// Below the root, with `/`.
    pub path: String,
    pub text: String,
}

impl File {
    pub fn has_extension(&self, extensions: &[&str]) -> bool {
        self.path.rsplit_once('.').is_some_and(|(_, found)| extensions.contains(&found))
    }

    pub fn is_rust(&self) -> bool {
        self.has_extension(&["rs"])
    }

    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }
}

/// All of them, in path order.
#[derive(Debug, Default)]
pub struct Tree {
    pub files: Vec<File>,
}

impl Tree {
    pub fn read(root: &Path) -> io::Result<Self> {
        let mut tree = Self::default();
        tree.read_folder(root, "")?;
        tree.files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(tree)
    }

    pub fn rust(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.is_rust())
    }

    fn read_folder(&mut self, folder: &Path, prefix: &str) -> io::Result<()> {
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}/{name}") };
            let kind = entry.file_type()?;
            if kind.is_dir() && !SKIPPED.contains(&name.as_str()) && path != "data" {
                self.read_folder(&entry.path(), &path)?;
            } else if kind.is_file() && !FOREIGN.iter().any(|part| path.contains(part)) {
                self.read_file(&entry.path(), path);
            }
        }
        Ok(())
    }

    /// A file that is not text, or that vanished since it was listed, is nobody's finding.
    fn read_file(&mut self, file: &Path, path: String) {
        if let Ok(text) = std::fs::read_to_string(file) {
            self.files.push(File { path, text });
        }
    }
}
