//! Tensors of a memory-mapped `model.safetensors`, as `f32`.
//!
//! The file must not change while it is mapped; the model cache replaces whole folders by rename,
//! which leaves an existing map intact.

use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use half::{bf16, f16};
use memmap2::Mmap;
use safetensors::{Dtype, SafeTensors};

use crate::InferenceError;
use crate::local::settings::invalid;

/// What the names of layers may begin with.
const PREFIXES: [&str; 3] = ["bert.", "roberta.", "model."];
/// The table of words in each family.
const WORDS: [&str; 2] = ["embeddings.word_embeddings.weight", "embed_tokens.weight"];

/// A mapped weights file.
pub(crate) struct Weights {
    folder: PathBuf,
    map: Arc<Mmap>,
    prefix: &'static str,
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
    /// When the file is missing, cut short or not a safetensors file.
    pub fn open(folder: &Path) -> Result<Self, InferenceError> {
        let fail = |why: String| invalid(folder, format!("model.safetensors: {why}"));
        let file = File::open(folder.join("model.safetensors")).map_err(|error| fail(error.to_string()))?;
        // SAFETY: the map is only read; nothing in this program writes to a weights file in place.
        let map = unsafe { Mmap::map(&file) }.map_err(|error| fail(error.to_string()))?;
        let tensors = SafeTensors::deserialize(&map)
            .map_err(|error| fail(format!("damaged or cut short ({error}); remove the model and pull it again")))?;
        let leads = |prefix: &&str| WORDS.iter().any(|words| tensors.tensor(&format!("{prefix}{words}")).is_ok());
        let prefix = PREFIXES.into_iter().find(leads).unwrap_or_default();
        Ok(Self { folder: folder.to_owned(), map: Arc::new(map), prefix })
    }

    /// The same with the names as they are in the file, for what lies beside the layers.
    pub fn root(&self) -> Self {
        Self { folder: self.folder.clone(), map: Arc::clone(&self.map), prefix: "" }
    }

    /// A tensor of exactly this shape, converted to `f32`.
    ///
    /// # Errors
    /// When it is missing, has another shape or an unsupported type.
    pub fn tensor(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, InferenceError> {
        let (bytes, dtype) = self.locate(name, shape)?;
        let mut values = vec![0.0; shape.iter().product()];
        decode(&self.map[bytes], dtype, &mut values);
        Ok(values)
    }

    /// A table `[rows, width]` left in the map.
    ///
    /// # Errors
    /// As [`Self::tensor`].
    pub fn table(&self, name: &str, rows: usize, width: usize) -> Result<Table, InferenceError> {
        let (bytes, dtype) = self.locate(name, &[rows, width])?;
        Ok(Table { map: Arc::clone(&self.map), bytes, dtype, width })
    }

    fn locate(&self, name: &str, shape: &[usize]) -> Result<(Range<usize>, Dtype), InferenceError> {
        let name = format!("{}{name}", self.prefix);
        let fail = |why: String| invalid(&self.folder, format!("model.safetensors: {why}"));
        let tensors = SafeTensors::deserialize(&self.map).map_err(|error| fail(error.to_string()))?;
        let view = tensors.tensor(&name).map_err(|_| fail(format!("tensor {name} is missing")))?;
        if view.shape() != shape {
            return Err(fail(format!("tensor {name} has shape {:?}, config.json asks for {shape:?}", view.shape())));
        }
        if !matches!(view.dtype(), Dtype::F32 | Dtype::F16 | Dtype::BF16) {
            return Err(fail(format!("tensor {name} is {:?}; supported: F32, F16, BF16", view.dtype())));
        }
        let start = view.data().as_ptr().addr() - self.map.as_ptr().addr();
        Ok((start..start + view.data().len(), view.dtype()))
    }
}

impl Table {
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
