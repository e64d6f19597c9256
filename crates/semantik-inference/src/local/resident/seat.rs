//! What one model is computed on: the card, until it refuses the model, or the processor.

use std::path::Path;
use std::sync::OnceLock;

use crate::InferenceError;
use crate::cuda::{Family, Gpu, Place, variant_of};
use crate::local::settings::Settings;

/// Where a model is computed. It moves at most once, from the card to the processor.
pub(super) struct Seat {
    place: Place,
    /// The variant of results from the card.
    on_card: Option<String>,
    /// Why the card did not take the model.
    refused: OnceLock<String>,
}

impl Seat {
    /// The seat of the model in `folder`, where `place` is what there is.
    ///
    /// # Errors
    /// When the card is required and has no kernels for the model.
    pub fn new(place: Place, folder: &Path, settings: &Settings) -> Result<Self, InferenceError> {
        let on_card = match &place {
            Place::Gpu { gpu, .. } => Some(variant_of(settings, gpu)),
            Place::Cpu { .. } => None,
        };
        let seat = Self { place, on_card, refused: OnceLock::new() };
        if let (Some(_), Err(error)) = (seat.gpu(), Family::of(folder, settings)) {
            seat.refuse(error)?;
        }
        Ok(seat)
    }

    /// The card, when the model is computed there.
    pub fn gpu(&self) -> Option<&Gpu> {
        match &self.place {
            Place::Gpu { gpu, .. } if self.refused.get().is_none() => Some(gpu),
            Place::Gpu { .. } | Place::Cpu { .. } => None,
        }
    }

    /// Goes over to the processor for good, with one warning: a model that is now here, now there,
    /// would give one text two vectors.
    ///
    /// # Errors
    /// `error`, when the card is required.
    pub fn refuse(&self, error: InferenceError) -> Result<(), InferenceError> {
        if matches!(self.place, Place::Gpu { required: true, .. }) {
            return Err(error);
        }
        tracing::warn!(%error, "the GPU does not take the model; it is computed on the processor");
        // Loads come one after the other, so nobody else can have set it.
        let _ = self.refused.set(error.to_string());
        Ok(())
    }

    /// The variant of results from the card, when they come from there.
    pub fn variant(&self) -> Option<&str> {
        self.gpu().and(self.on_card.as_deref())
    }

    /// What computes, in one line.
    pub fn describe(&self) -> String {
        match self.refused.get() {
            Some(why) => format!("CPU ({why})"),
            None => self.place.describe(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::Seat;
    use crate::InferenceError;
    use crate::cuda::{Card, Gpu, Place};
    use crate::local::settings::Settings;

    fn seat(family: &str, required: bool) -> Result<Seat, InferenceError> {
        let folder: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tiny").join(family);
        let settings = Settings::read(&folder).expect("the folder is a model");
        let card = Card { number: 0, name: "T".into(), capability: (9, 0), memory: 16 << 30, driver: (13, 0) };
        Seat::new(Place::Gpu { gpu: Gpu { card, kernels: None }, required }, &folder, &settings)
    }

    #[test]
    fn a_family_without_kernels_is_the_processors_unless_a_card_is_required() {
        let auto = seat("modernbert", false).expect("the processor takes it");
        assert!(auto.gpu().is_none() && auto.variant().is_none());
        assert!(auto.describe().starts_with("CPU (") && auto.describe().contains("not supported"));
        let said = seat("modernbert", true).err().expect("the card does not take it");
        assert!(said.to_string().contains("EMBEDDING_DEVICE=cpu"), "{said}");
    }

    #[test]
    fn a_model_that_is_refused_on_loading_moves_to_the_processor_with_its_variant() {
        let full = || InferenceError::Unavailable("the GPU's memory is full".into());
        let auto = seat("bert", false).expect("the card takes it");
        assert!(auto.gpu().is_some() && auto.describe().starts_with("GPU 0: T"));
        assert!(auto.variant().is_some_and(|variant| variant.starts_with("cuda ")));
        auto.refuse(full()).expect("the processor takes it");
        assert!(auto.gpu().is_none() && auto.variant().is_none() && auto.describe().contains("memory is full"));
        let required = seat("bert", true).expect("the card takes it");
        assert!(required.refuse(full()).is_err() && required.gpu().is_some());
    }
}
