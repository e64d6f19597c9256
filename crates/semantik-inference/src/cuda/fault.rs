//! What can go wrong on a card, by what the engine does about it.

use crate::InferenceError;

/// A failure of the driver, of a library or of a kernel.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    /// Fewer tokens at a time may fit.
    #[error("the card's memory is full")]
    Memory,
    /// Trying again would not help.
    #[error("{0}")]
    Broken(String),
}

impl Fault {
    /// A failure of `what`, told with its cause.
    pub fn of(what: &str, cause: impl std::fmt::Display) -> Self {
        Self::Broken(format!("{what}: {cause}"))
    }
}

impl From<Fault> for InferenceError {
    fn from(fault: Fault) -> Self {
        Self::Unavailable(match fault {
            Fault::Memory => {
                "the GPU's memory is full; free some, use a smaller model or quantization, or set EMBEDDING_DEVICE=cpu"
                    .into()
            }
            Fault::Broken(why) => format!("the GPU failed: {why}; set EMBEDDING_DEVICE=cpu to go on without it"),
        })
    }
}
