//! The families of models that a card computes. All others are the processor's.

use std::path::Path;

use crate::InferenceError;
use crate::local::settings::{DecoderShape, EncoderShape, Settings, Shape, invalid};

/// A family and its sizes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Family<'a> {
    Encoder(&'a EncoderShape),
    Decoder(&'a DecoderShape),
}

impl<'a> Family<'a> {
    /// The family of the model in `folder`.
    ///
    /// # Errors
    /// [`InferenceError::Invalid`] when there are no kernels for it, or not for its sizes.
    pub fn of(folder: &Path, settings: &'a Settings) -> Result<Self, InferenceError> {
        let (family, hidden, inner) = match &settings.shape {
            Shape::Encoder(shape) if !shape.is_mpnet() => {
                (Self::Encoder(shape), shape.hidden_size, shape.intermediate_size)
            }
            Shape::Decoder(shape) => (Self::Decoder(shape), shape.hidden_size, shape.intermediate_size),
            Shape::Encoder(_) | Shape::Modern(_) | Shape::Gated(_) => {
                let why = "config.json: models of this family are not supported on a GPU; set EMBEDDING_DEVICE=cpu";
                return Err(invalid(folder, why));
            }
        };
        // Rows are read sixteen bytes at a time.
        if hidden.is_multiple_of(8) && inner.is_multiple_of(8) {
            return Ok(family);
        }
        let why = format!(
            "config.json: hidden_size {hidden} and intermediate_size {inner} must be multiples of 8 on a GPU; set EMBEDDING_DEVICE=cpu"
        );
        Err(invalid(folder, why))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::Family;
    use crate::local::settings::Settings;

    #[test]
    fn families_without_kernels_are_told_and_left_to_the_processor() {
        let tiny = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tiny");
        let said = |family: &str| {
            let folder = tiny.join(family);
            let settings = Settings::read(&folder).expect("the folder is a model");
            Family::of(&folder, &settings).err().map(|error| error.to_string())
        };
        for family in ["bert", "xlm-roberta", "qwen3"] {
            assert_eq!(said(family), None, "{family}");
        }
        for family in ["mpnet", "modernbert", "nomic", "gte"] {
            let said = said(family).expect("there are no kernels for it");
            assert!(said.contains("EMBEDDING_DEVICE=cpu"), "{said}");
        }
    }
}
