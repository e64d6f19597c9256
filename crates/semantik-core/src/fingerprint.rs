//! What vectors must have in common to be compared.

use std::fmt;
use std::str::FromStr;

use crate::collection::Quantization;

/// The header in which a model service says what made the vectors of an answer.
pub const HEADER: &str = "semantik-model";

/// What made a vector of a passage. The same weights in another process, or on another machine, make
/// vectors that may stand beside them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprint {
    /// SHA-256 of the weights, lower-case hex; of a foreign service, of what names the model there.
    pub hash: String,
    /// What the model computes with.
    pub quantization: Quantization,
    /// How a passage becomes a vector beside that: pooling and what is written before a passage, for
    /// example `mean "passage: "`. Printable ASCII; empty where nobody has written it down.
    pub recipe: String,
}

impl Fingerprint {
    /// For people: the model of this name, in so many words that no two of them read the same.
    pub fn describe(&self, name: &str) -> String {
        let mut words = vec![self.quantization.as_str(), &self.recipe, self.hash.get(..12).unwrap_or(&self.hash)];
        words.retain(|word| !word.is_empty());
        format!("{name} ({})", words.join(", "))
    }

    /// Whether vectors that `running` makes may stand beside the ones `self` was kept with. Older
    /// data have no recipe; of a foreign service, which has no pooling, they were made without a prefix.
    pub fn fits(&self, running: &Self) -> bool {
        let unknown = self.recipe.is_empty() && (!running.recipe.starts_with('"') || running.recipe == "\"\"");
        self.hash == running.hash
            && self.quantization == running.quantization
            && (unknown || self.recipe == running.recipe)
    }
}

/// As it stands in [`HEADER`]: the three parts with spaces between.
impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.hash, self.quantization, self.recipe)
    }
}

impl FromStr for Fingerprint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.splitn(3, ' ');
        let hash = parts.next().unwrap_or_default();
        if hash.len() != 64 || !hash.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return Err("it does not begin with a SHA-256 in hex".into());
        }
        let quantization = parts.next().unwrap_or_default().parse()?;
        Ok(Self { hash: hash.into(), quantization, recipe: parts.next().unwrap_or_default().into() })
    }
}

#[cfg(test)]
mod tests {
    use super::Fingerprint;
    use crate::collection::Quantization;

    fn made(recipe: &str) -> Fingerprint {
        Fingerprint { hash: "0a".repeat(32), quantization: Quantization::Int8, recipe: recipe.into() }
    }

    #[test]
    fn a_header_is_read_as_it_was_written() {
        for recipe in ["", "mean \"\"", "cls \"passage: \""] {
            assert_eq!(made(recipe).to_string().parse(), Ok(made(recipe)));
        }
    }

    #[test]
    fn what_is_no_fingerprint_is_refused() {
        let upper = made("mean").to_string().to_uppercase();
        for text in ["", "abc int8 mean", &upper, &"0a".repeat(32), &format!("{} int4 mean", "0a".repeat(32))] {
            assert!(text.parse::<Fingerprint>().is_err(), "{text}");
        }
    }

    #[test]
    fn vectors_fit_when_weights_precision_and_recipe_are_the_same() {
        let kept = made("mean \"\"");
        assert!(kept.fits(&kept));
        assert!(!kept.fits(&made("cls \"\"")));
        assert!(!kept.fits(&Fingerprint { quantization: Quantization::Float32, ..kept.clone() }));
        assert!(!kept.fits(&Fingerprint { hash: "0b".repeat(32), ..kept.clone() }));
        assert!(made("").fits(&kept), "older data have no recipe");
        assert!(made("").fits(&made("\"\"")) && !made("").fits(&made("\"passage: \"")), "nor a prefix");
    }
}
