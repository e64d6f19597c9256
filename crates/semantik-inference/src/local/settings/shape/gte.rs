//! `config.json` of GTE ("NewModel"), in the words of its authors or in those of newer libraries.

use serde::Deserialize;

use super::{
    GatedFamily, GatedShape, Rope, check_activation, check_heads, check_sizes, default_activation,
    default_layer_epsilon,
};

/// What the file says, before it is checked.
#[derive(Debug, Deserialize)]
pub(super) struct GteFile {
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    vocab_size: usize,
    max_position_embeddings: usize,
    #[serde(default = "default_segments")]
    type_vocab_size: usize,
    #[serde(default = "default_layer_epsilon")]
    layer_norm_eps: f32,
    #[serde(default)]
    layer_norm_type: Option<String>,
    #[serde(default = "default_activation")]
    hidden_act: String,
    #[serde(default)]
    position_embedding_type: Option<String>,
    #[serde(default)]
    rope_theta: Option<f64>,
    #[serde(default)]
    rope_scaling: Option<Rope>,
    #[serde(default)]
    rope_parameters: Option<Rope>,
    #[serde(default = "default_packed")]
    pack_qkv: bool,
    #[serde(default)]
    logn_attention_scale: bool,
    #[serde(default)]
    logn_attention_clip1: bool,
}

impl GteFile {
    /// The shape it describes.
    ///
    /// # Errors
    /// When something in it is not supported.
    pub fn shape(self) -> Result<GatedShape, String> {
        check_activation(&self.hidden_act, "gelu")?;
        let named = |name: &Option<String>, supported: &str| name.as_deref().is_some_and(|name| name != supported);
        let refused = [
            (named(&self.layer_norm_type, "layer_norm"), "layer_norm_type other than \"layer_norm\""),
            (named(&self.position_embedding_type, "rope"), "position_embedding_type other than \"rope\""),
            (self.logn_attention_scale, "logn_attention_scale"),
            (self.logn_attention_clip1, "logn_attention_clip1"),
        ];
        if let Some((_, what)) = refused.into_iter().find(|(set, _)| *set) {
            return Err(format!("{what} is not supported"));
        }
        check_sizes(&[self.intermediate_size, self.num_hidden_layers, self.vocab_size])?;
        check_heads(self.hidden_size, self.num_attention_heads)?;
        let (rope_base, rope_stretch) = self.angles()?;
        Ok(GatedShape {
            family: GatedFamily::Gte { packed: self.pack_qkv },
            hidden_size: self.hidden_size,
            inner: self.intermediate_size,
            num_hidden_layers: self.num_hidden_layers,
            num_attention_heads: self.num_attention_heads,
            vocab_size: self.vocab_size,
            max_position_embeddings: self.max_position_embeddings,
            type_vocab_size: self.type_vocab_size,
            layer_norm_eps: self.layer_norm_eps,
            rope_base,
            rope_stretch,
        })
    }

    /// What the angles of the positions are made from, and what they are divided by.
    fn angles(&self) -> Result<(f64, f64), String> {
        let rope = self.rope_parameters.as_ref().or(self.rope_scaling.as_ref());
        let base = rope.and_then(|rope| rope.rope_theta).or(self.rope_theta).ok_or("rope_theta is missing")?;
        let Some(Rope { rope_type: Some(kind), factor, mixed_b, .. }) = rope else { return Ok((base, 1.0)) };
        let factor = || factor.filter(|factor| *factor > 0.0).ok_or("rope_scaling lacks a factor above 0");
        match kind.as_str() {
            "default" => Ok((base, 1.0)),
            "linear" => Ok((base, factor()?)),
            "ntk" if mixed_b.is_some() => Err("mixed_b in rope_scaling is not supported".into()),
            // https://kexue.fm/archives/9706, equation 6. The authors' code scales what is longer
            // than the positions it was made for, which a smaller factor never is.
            "ntk" => {
                let (factor, head) = (factor()?.max(1.0), self.hidden_size / self.num_attention_heads);
                Ok((base * factor, factor.powf(2.0 / head as f64)))
            }
            kind => Err(format!(
                "rotary positions of type {kind:?} are not supported; supported: \"default\", \"linear\", \"ntk\""
            )),
        }
    }
}

fn default_segments() -> usize {
    1
}

fn default_packed() -> bool {
    true
}
