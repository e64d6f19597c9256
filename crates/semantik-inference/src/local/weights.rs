//! Tensors of memory-mapped safetensors files, as `f32`.
//!
//! The files must not change while they are mapped; the model cache replaces whole folders by rename,
//! which leaves existing maps intact.

use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use half::{bf16, f16};
use memmap2::Mmap;
use safetensors::{Dtype, SafeTensors};

use crate::InferenceError;
use crate::local::settings::invalid;
use crate::local::shards::weight_files;

/// What the names of layers may begin with.
const PREFIXES: [&str; 7] = ["bert.", "roberta.", "mpnet.", "nomic_bert.", "new.", "gte.", "model."];
const REMEDY: &str = "remove the model and pull it again";
/// The table of words in each family.
const WORDS: [&str; 3] =
    ["embeddings.word_embeddings.weight", "embeddings.tok_embeddings.weight", "embed_tokens.weight"];

/// The mapped weights files of a folder.
pub(crate) struct Weights {
    folder: PathBuf,
    files: Vec<MappedFile>,
    prefix: &'static str,
}

#[derive(Clone)]
struct MappedFile {
    name: String,
    map: Arc<Mmap>,
}

/// A table that stays in the map: only the rows looked up are ever read.
pub(crate) struct Table {
    map: Arc<Mmap>,
    bytes: Range<usize>,
    dtype: Dtype,
    width: usize,
}

impl Weights {
    /// Maps the weights of `folder`.
    ///
    /// # Errors
    /// When a file is missing, cut short or not a safetensors file.
    pub fn open(folder: &Path) -> Result<Self, InferenceError> {
        let files: Vec<MappedFile> =
            weight_files(folder)?.into_iter().map(|name| map(folder, name)).collect::<Result<_, _>>()?;
        let mut weights = Self { folder: folder.to_owned(), files, prefix: "" };
        for prefix in PREFIXES {
            if WORDS.iter().any(|words| weights.has(&format!("{prefix}{words}"))) {
                weights.prefix = prefix;
            }
        }
        Ok(weights)
    }

    /// The same with the names as they are in the files, for what lies beside the layers.
    pub fn root(&self) -> Self {
        Self { folder: self.folder.clone(), files: self.files.clone(), prefix: "" }
    }

    fn has(&self, name: &str) -> bool {
        self.files.iter().any(|file| file.tensors().is_ok_and(|tensors| tensors.tensor(name).is_ok()))
    }

    /// A tensor of exactly this shape, converted to `f32`.
    ///
    /// # Errors
    /// When it is missing, has another shape or an unsupported type.
    pub fn tensor(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, InferenceError> {
        let (MappedFile { name: file, map }, bytes, dtype) = self.locate(name, shape)?;
        let mut values = vec![0.0; shape.iter().product()];
        decode(&map[bytes], dtype, &mut values);
        if values.iter().any(|value| !value.is_finite()) {
            let name = format!("{}{name}", self.prefix);
            let why = format!("{file}: tensor {name} has a weight that is not a finite number; {REMEDY}");
            return Err(invalid(&self.folder, why));
        }
        Ok(values)
    }

    /// A table `[rows, width]` left in the map.
    ///
    /// # Errors
    /// As [`Self::tensor`].
    pub fn table(&self, name: &str, rows: usize, width: usize) -> Result<Table, InferenceError> {
        let (file, bytes, dtype) = self.locate(name, &[rows, width])?;
        Ok(Table { map: Arc::clone(&file.map), bytes, dtype, width })
    }

    fn locate(&self, name: &str, shape: &[usize]) -> Result<(&MappedFile, Range<usize>, Dtype), InferenceError> {
        let name = format!("{}{name}", self.prefix);
        for mapped in &self.files {
            let MappedFile { name: file, map } = mapped;
            let fail = |why: String| invalid(&self.folder, format!("{file}: {why}"));
            let tensors = SafeTensors::deserialize(map).map_err(|error| fail(error.to_string()))?;
            let Ok(view) = tensors.tensor(&name) else { continue };
            if view.shape() != shape {
                let found = view.shape();
                return Err(fail(format!("tensor {name} has shape {found:?}, config.json asks for {shape:?}")));
            }
            if !matches!(view.dtype(), Dtype::F32 | Dtype::F16 | Dtype::BF16) {
                return Err(fail(format!("tensor {name} is {:?}; supported: F32, F16, BF16", view.dtype())));
            }
            let start = view.data().as_ptr().addr() - map.as_ptr().addr();
            return Ok((mapped, start..start + view.data().len(), view.dtype()));
        }
        Err(invalid(&self.folder, format!("model.safetensors: tensor {name} is missing")))
    }
}

impl MappedFile {
    fn tensors(&self) -> Result<SafeTensors<'_>, safetensors::SafeTensorError> {
        SafeTensors::deserialize(&self.map)
    }
}

fn map(folder: &Path, name: String) -> Result<MappedFile, InferenceError> {
    let fail = |why: String| invalid(folder, format!("{name}: {why}"));
    let file = File::open(folder.join(&name)).map_err(|error| fail(error.to_string()))?;
    // SAFETY: the map is only read; nothing in this program writes to a weights file in place.
    let map = Arc::new(unsafe { Mmap::map(&file) }.map_err(|error| fail(error.to_string()))?);
    SafeTensors::deserialize(&map).map_err(|error| fail(format!("damaged or cut short ({error}); {REMEDY}")))?;
    Ok(MappedFile { name, map })
}

impl Table {
    /// Numbers of a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Adds row `row` to `into`, which is one row wide.
    pub fn add_row(&self, row: usize, into: &mut [f32]) {
        let size = self.width * width_of(self.dtype);
        let bytes = &self.map[self.bytes.clone()][row * size..(row + 1) * size];
        let mut values = vec![0.0; self.width];
        decode(bytes, self.dtype, &mut values);
        into.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
    }
}

fn width_of(dtype: Dtype) -> usize {
    if dtype == Dtype::F32 { 4 } else { 2 }
}

fn decode(bytes: &[u8], dtype: Dtype, into: &mut [f32]) {
    if dtype == Dtype::F32 {
        for (value, raw) in into.iter_mut().zip(bytes.as_chunks::<4>().0) {
            *value = f32::from_le_bytes(*raw);
        }
        return;
    }
    for (value, raw) in into.iter_mut().zip(bytes.as_chunks::<2>().0) {
        *value =
            if dtype == Dtype::F16 { f16::from_le_bytes(*raw).to_f32() } else { bf16::from_le_bytes(*raw).to_f32() };
    }
}
