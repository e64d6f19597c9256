//! The folder of models on disk.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::InferenceError;
use crate::local::{SHARDS, WEIGHTS, weight_files};
use crate::models::catalogue;
use crate::models::digest::sha256_of;
use crate::models::prefixes::Prefixes;

/// The manifest's file name.
pub(crate) const MANIFEST: &str = "semantik.json";
/// Without these, and its weights, a folder is no model.
pub(crate) const NEEDED: [&str; 2] = ["config.json", "tokenizer.json"];
/// Read when present.
pub(crate) const OPTIONAL: [&str; 4] =
    ["modules.json", "1_Pooling/config.json", "sentence_bert_config.json", "config_sentence_transformers.json"];

/// What a cached model's folder holds, written when it was verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    pub name: String,
    pub revision: String,
    /// Where the files came from, for people.
    pub source: String,
    /// SHA-256 of each file by its path in the folder.
    pub files: BTreeMap<String, String>,
    /// What is written before texts where the owner wants something else than the model says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefixes: Option<Prefixes>,
}

/// A model in the cache.
#[derive(Debug, Clone, Serialize)]
pub struct CachedModel {
    pub manifest: Manifest,
    pub folder: PathBuf,
    pub bytes: u64,
}

/// The model cache under one folder.
#[derive(Debug, Clone)]
pub struct ModelCache {
    root: PathBuf,
}

impl ModelCache {
    /// The cache in `root`, which is created when first written to.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The folder of a model that is there.
    ///
    /// # Errors
    /// [`InferenceError::NotFound`], or [`InferenceError::Invalid`] for a name that is none.
    pub fn resolve(&self, name: &str) -> Result<PathBuf, InferenceError> {
        let folder = self.folder(name)?;
        if folder.join(MANIFEST).is_file() { Ok(folder) } else { Err(InferenceError::NotFound { name: name.into() }) }
    }

    /// Every model in the cache, by name.
    ///
    /// # Errors
    /// When the cache folder cannot be read; a cache that does not exist yet is empty.
    pub fn list(&self) -> Result<Vec<CachedModel>, InferenceError> {
        let entries = match fs::read_dir(&self.root) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(self.broken(&error)),
        };
        let mut models: Vec<CachedModel> = entries.flatten().filter_map(|entry| cached(&entry.path()).ok()).collect();
        models.sort_by(|left, right| left.manifest.name.cmp(&right.manifest.name));
        Ok(models)
    }

    /// Reads every file of a model and compares it with the manifest and the catalogue.
    ///
    /// # Errors
    /// [`InferenceError::HashMismatch`] for the first file that differs.
    pub fn verify(&self, name: &str) -> Result<CachedModel, InferenceError> {
        let folder = self.resolve(name)?;
        let model = cached(&folder).map_err(|error| InferenceError::Invalid {
            folder: folder.display().to_string(),
            why: error.to_string(),
        })?;
        for (file, expected) in &model.manifest.files {
            check(name, &folder, file, expected)?;
        }
        catalogue::pinned(name).iter().try_for_each(|file| check(name, &folder, file.path, file.sha256).map(drop))?;
        Ok(model)
    }

    /// Sets what is written before a model's texts; `None` for what the model itself wants.
    ///
    /// # Errors
    /// [`InferenceError::NotFound`], or when its folder cannot be written to.
    pub fn set_prefixes(&self, name: &str, prefixes: Option<Prefixes>) -> Result<CachedModel, InferenceError> {
        let _lock = self.lock(name)?;
        let folder = self.resolve(name)?;
        let swap = || -> io::Result<CachedModel> {
            let mut model = cached(&folder)?;
            model.manifest.prefixes = prefixes;
            let mut file = tempfile::NamedTempFile::new_in(&folder)?;
            serde_json::to_writer_pretty(&mut file, &model.manifest)?;
            file.persist(folder.join(MANIFEST)).map_err(|error| error.error)?;
            Ok(model)
        };
        swap().map_err(|error| self.broken(&error))
    }

    /// Deletes a model, and what an interrupted pull of it left.
    ///
    /// # Errors
    /// [`InferenceError::NotFound`] when there is neither.
    pub fn remove(&self, name: &str) -> Result<(), InferenceError> {
        let folders = [self.folder(name)?, self.staging(name)?];
        let _lock = self.lock(name)?;
        let mut found = false;
        for folder in folders.iter().filter(|folder| folder.exists()) {
            fs::remove_dir_all(folder).map_err(|error| self.broken(&error))?;
            found = true;
        }
        if found { Ok(()) } else { Err(InferenceError::NotFound { name: name.into() }) }
    }

    /// Copies a model from `folder` into the cache as `name`.
    ///
    /// # Errors
    /// When `folder` is no model, or a known model's file differs from what it should be.
    pub fn import(&self, folder: &Path, name: &str) -> Result<CachedModel, InferenceError> {
        let _lock = self.lock(name)?;
        self.copy_in(folder, name)
    }

    pub(crate) fn copy_in(&self, folder: &Path, name: &str) -> Result<CachedModel, InferenceError> {
        let bad = |why: String| InferenceError::Invalid { folder: folder.display().to_string(), why };
        let needed = NEEDED.map(str::to_owned);
        if let Some(missing) = needed.into_iter().chain(weight_files(folder)?).find(|file| !folder.join(file).is_file())
        {
            return Err(bad(format!("{missing} is missing")));
        }
        let staging = self.staging(name)?;
        for file in files_of(name, folder)?.into_iter().filter(|file| folder.join(file).is_file()) {
            let target = staging.join(&file);
            make_parent(&target)
                .and_then(|()| fs::copy(folder.join(&file), &target).map(drop))
                .map_err(|error| bad(format!("{file}: {error}")))?;
        }
        self.publish(name, "folder", "a local folder")
    }

    /// Verifies the staged files and moves them into place.
    pub(crate) fn publish(&self, name: &str, revision: &str, source: &str) -> Result<CachedModel, InferenceError> {
        let (staging, folder) = (self.staging(name)?, self.folder(name)?);
        let pinned = catalogue::pinned(name);
        let mut files = BTreeMap::new();
        for file in files_of(name, &staging)? {
            let hash = match pinned.iter().find(|pin| pin.path == file) {
                Some(pin) => check(name, &staging, &file, pin.sha256)?,
                None => sha256_of(&staging.join(&file)).map_err(|error| self.broken(&error))?,
            };
            files.insert(file, hash);
        }
        let prefixes = cached(&folder).ok().and_then(|model| model.manifest.prefixes);
        let manifest =
            Manifest { name: name.into(), revision: revision.into(), source: source.into(), files, prefixes };
        let text = serde_json::to_vec_pretty(&manifest).map_err(|error| self.broken(&error.into()))?;
        let swap = || -> io::Result<CachedModel> {
            fs::write(staging.join(MANIFEST), text)?;
            if folder.exists() {
                fs::remove_dir_all(&folder)?;
            }
            fs::rename(&staging, &folder)?;
            cached(&folder)
        };
        swap().map_err(|error| self.broken(&error))
    }

    /// Where a model lives: `models--org--name`.
    pub(crate) fn folder(&self, name: &str) -> Result<PathBuf, InferenceError> {
        let good = |part: &str| {
            !part.starts_with('.')
                && part.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_.".contains(letter))
        };
        let parts: Vec<&str> = name.split('/').collect();
        if parts.len() > 2 || parts.iter().any(|part| part.is_empty() || !good(part)) {
            return Err(InferenceError::Invalid {
                folder: name.into(),
                why: "a model's name is `name` or `organisation/name`".into(),
            });
        }
        Ok(self.root.join(format!("models--{}", parts.join("--"))))
    }

    /// Where a model's files gather until they are whole.
    pub(crate) fn staging(&self, name: &str) -> Result<PathBuf, InferenceError> {
        Ok(self.folder(name)?.with_added_extension("partial"))
    }

    /// Waits until no other process changes this model; held until dropped.
    pub(crate) fn lock(&self, name: &str) -> Result<File, InferenceError> {
        let path = self.folder(name)?.with_added_extension("lock");
        let open = || -> io::Result<File> {
            fs::create_dir_all(&self.root)?;
            let file = File::options().create(true).truncate(false).write(true).open(path)?;
            file.lock()?;
            Ok(file)
        };
        open().map_err(|error| self.broken(&error))
    }

    pub(crate) fn broken(&self, error: &io::Error) -> InferenceError {
        InferenceError::Invalid { folder: self.root.display().to_string(), why: error.to_string() }
    }
}

/// The files that `folder` has of a model, or that a model with known contents consists of.
pub(crate) fn files_of(name: &str, folder: &Path) -> Result<Vec<String>, InferenceError> {
    let pinned = catalogue::pinned(name);
    if !pinned.is_empty() {
        return Ok(pinned.iter().map(|file| file.path.to_owned()).collect());
    }
    let mut files = weight_files(folder)?;
    if files != [WEIGHTS] {
        files.push(SHARDS.to_owned());
    }
    files.extend(NEEDED.iter().chain(&OPTIONAL).map(|file| (*file).to_owned()));
    files.retain(|file| folder.join(file).is_file());
    Ok(files)
}

/// Compares a file with its expected hash, which it returns.
pub(crate) fn check(name: &str, folder: &Path, file: &str, expected: &str) -> Result<String, InferenceError> {
    let found = sha256_of(&folder.join(file)).unwrap_or_else(|error| format!("nothing ({error})"));
    if found == expected {
        return Ok(found);
    }
    Err(InferenceError::HashMismatch { name: name.into(), file: file.into(), expected: expected.into(), found })
}

pub(crate) fn make_parent(file: &Path) -> io::Result<()> {
    file.parent().map_or(Ok(()), fs::create_dir_all)
}

fn cached(folder: &Path) -> io::Result<CachedModel> {
    let is_staging = folder.extension().is_some_and(|ending| ending == "partial");
    if is_staging {
        return Err(io::ErrorKind::NotFound.into());
    }
    let manifest: Manifest = serde_json::from_slice(&fs::read(folder.join(MANIFEST))?)?;
    let bytes =
        manifest.files.keys().filter_map(|file| fs::metadata(folder.join(file)).ok()).map(|meta| meta.len()).sum();
    Ok(CachedModel { manifest, folder: folder.to_owned(), bytes })
}
