//! `config.json` of ModernBERT.

use serde::Deserialize;

use super::{Rope, check_activation, check_heads, check_sizes};

/// The sizes and kinds of ModernBERT's parts; what a file leaves out is as published.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct ModernShape {
    pub hidden_size: usize,
    pub intermediate_size: usize,
    pub num_hidden_layers: usize,
    pub num_attention_heads: usize,
    pub vocab_size: usize,
    #[serde(default = "default_positions")]
    pub max_position_embeddings: usize,
    #[serde(default = "default_epsilon")]
    pub norm_eps: f32,
    #[serde(default)]
    pub norm_bias: bool,
    #[serde(default)]
    pub attention_bias: bool,
    #[serde(default)]
    pub mlp_bias: bool,
    #[serde(default)]
    pub classifier_bias: bool,
    /// `cls` or `mean`.
    #[serde(default)]
    classifier_pooling: Option<String>,
    #[serde(default)]
    classifier_activation: Option<String>,
    #[serde(default)]
    hidden_activation: Option<String>,
    /// Tokens that a layer with a window sees, half of them on each side.
    #[serde(default = "default_window")]
    local_attention: usize,
    #[serde(default)]
    global_attn_every_n_layers: Option<usize>,
    #[serde(default)]
    layer_types: Option<Vec<String>>,
    #[serde(default)]
    global_rope_theta: Option<f64>,
    #[serde(default)]
    local_rope_theta: Option<f64>,
    #[serde(default)]
    rope_parameters: Option<Ropes>,
}

/// Newer files have one entry for each kind of layer.
#[derive(Debug, Clone, Deserialize)]
struct Ropes {
    full_attention: Option<Rope>,
    sliding_attention: Option<Rope>,
}

/// What a layer's tokens see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sight {
    All,
    /// So many tokens to either side.
    Near(usize),
}

impl ModernShape {
    /// What the tokens of a layer see.
    pub fn sight(&self, layer: usize) -> Sight {
        let all = match &self.layer_types {
            Some(kinds) => kinds.get(layer).is_none_or(|kind| kind == "full_attention"),
            None => layer.is_multiple_of(self.global_attn_every_n_layers.unwrap_or(3).max(1)),
        };
        if all { Sight::All } else { Sight::Near(self.local_attention / 2) }
    }

    /// What the angles of the positions are made from.
    pub fn rope_base(&self, sight: Sight) -> f64 {
        let newer = |rope: Option<&Rope>| rope.and_then(|rope| rope.rope_theta);
        let ropes = self.rope_parameters.as_ref();
        let all = newer(ropes.and_then(|ropes| ropes.full_attention.as_ref())).or(self.global_rope_theta);
        let near = newer(ropes.and_then(|ropes| ropes.sliding_attention.as_ref())).or(self.local_rope_theta);
        match sight {
            Sight::All => all.unwrap_or(160_000.0),
            Sight::Near(_) => near.unwrap_or(10_000.0),
        }
    }

    /// Whether the classifier takes the mean of all states, not the first.
    pub fn classifies_mean(&self) -> bool {
        self.classifier_pooling.as_deref() == Some("mean")
    }

    pub(super) fn check(&self) -> Result<(), String> {
        for activation in [&self.hidden_activation, &self.classifier_activation].into_iter().flatten() {
            check_activation(activation, "gelu")?;
        }
        if let Some(other) = self.classifier_pooling.as_deref().filter(|kind| !["cls", "mean"].contains(kind)) {
            return Err(format!("classifier_pooling {other:?} is not supported; supported: \"cls\", \"mean\""));
        }
        let kinds = self.layer_types.as_deref().unwrap_or_default();
        if let Some(other) = kinds.iter().find(|kind| !["full_attention", "sliding_attention"].contains(&kind.as_str()))
        {
            return Err(format!("layers of type {other:?} are not supported"));
        }
        if let Some(ropes) = &self.rope_parameters {
            [&ropes.full_attention, &ropes.sliding_attention].into_iter().flatten().try_for_each(Rope::check)?;
        }
        check_sizes(&[self.intermediate_size, self.num_hidden_layers, self.vocab_size])?;
        check_heads(self.hidden_size, self.num_attention_heads)
    }
}

fn default_positions() -> usize {
    8192
}

fn default_epsilon() -> f32 {
    1e-5
}

fn default_window() -> usize {
    128
}
