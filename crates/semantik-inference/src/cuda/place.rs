//! Where models are computed: what was asked for, and what this machine has.

use std::path::PathBuf;

use semantik_config::Device;

use crate::InferenceError;
use crate::cuda::engine::Gpu;
use crate::cuda::probe::{Card, libraries, probe};

/// The processor or a card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// `why` says what a card lacked, where one was looked for.
    Cpu { why: Option<String> },
    Gpu {
        gpu: Gpu,
        /// A model that the card refuses is an error, and not the processor's.
        required: bool,
    },
}

impl Place {
    /// Chooses by `EMBEDDING_DEVICE`; compiled kernels are kept in `kernels`. Warns when there is a
    /// card that cannot be used.
    ///
    /// # Errors
    /// When a card is asked for and none can be used.
    pub fn choose(wanted: Device, kernels: Option<PathBuf>) -> Result<Self, InferenceError> {
        if wanted == Device::Cpu {
            return Ok(Self::Cpu { why: None });
        }
        let required = wanted == Device::Cuda;
        let cards = probe();
        let there = cards.is_ok();
        match cards.and_then(usable) {
            Ok(card) => Ok(Self::Gpu { gpu: Gpu { card, kernels }, required }),
            Err(why) if required => Err(InferenceError::NoGpu(why)),
            Err(why) => {
                if there {
                    tracing::warn!(why, "the GPU is not used; models are computed on the processor");
                } else {
                    tracing::debug!(why, "models are computed on the processor");
                }
                Ok(Self::Cpu { why: Some(why) })
            }
        }
    }

    /// The place in one line.
    pub fn describe(&self) -> String {
        match self {
            Self::Cpu { why: None } => "CPU".into(),
            Self::Cpu { why: Some(why) } => format!("CPU ({why})"),
            Self::Gpu { gpu, .. } => gpu.card.describe(),
        }
    }
}

/// The first card that the kernels run on.
fn usable(cards: Vec<Card>) -> Result<Card, String> {
    let mut why = Vec::new();
    for card in cards {
        match card.check() {
            Ok(()) => return libraries().map(|()| card),
            Err(reason) => why.push(reason),
        }
    }
    Err(why.join("; "))
}

#[cfg(test)]
mod tests {
    use semantik_config::Device;

    use super::{Place, usable};
    use crate::cuda::probe::{Card, libraries, probe};

    #[test]
    fn the_processor_is_taken_when_asked_for_and_where_no_card_is() {
        let cpu = Place::choose(Device::Cpu, None).expect("a processor is always there");
        assert_eq!(cpu.describe(), "CPU");
        let automatic = Place::choose(Device::Auto, None).expect("there is always a place");
        println!("{}", automatic.describe());
        let asked = Place::choose(Device::Cuda, None);
        if probe().and_then(usable).is_ok() {
            assert_eq!(asked.expect("a card is there").describe(), automatic.describe());
            return;
        }
        println!("no card is there: the fallback and the error are tested, the card is not");
        assert!(automatic.describe().starts_with("CPU ("), "{automatic:?}");
        let said = asked.expect_err("no card is there").to_string();
        assert!(said.contains("EMBEDDING_DEVICE=cpu"), "{said}");
    }

    #[test]
    fn the_first_new_enough_card_is_taken() {
        let card =
            |number, capability| Card { number, name: "T".into(), capability, memory: 16 << 30, driver: (13, 0) };
        let said = usable(vec![card(0, (7, 5))]).expect_err("it is too old");
        assert!(said.contains("8.0 (Ampere)"), "{said}");
        let chosen = usable(vec![card(0, (7, 5)), card(1, (9, 0))]);
        assert_eq!(chosen.map(|card| card.number), libraries().map(|()| 1));
    }
}
