//! `config.json` of NomicBERT, in the words of its authors or in those of newer libraries.

use serde::Deserialize;

use super::{GatedFamily, GatedShape, Rope, check_heads, check_sizes, default_layer_epsilon};

/// The authors' code rounds the inner width up to a multiple of this.
const INNER_MULTIPLE: usize = 256;

/// What the file says, before it is checked.
#[derive(Debug, Deserialize)]
pub(super) struct NomicFile {
    #[serde(alias = "n_embd")]
    hidden_size: usize,
    #[serde(alias = "n_inner")]
    intermediate_size: Option<usize>,
    #[serde(alias = "n_layer")]
    num_hidden_layers: usize,
    #[serde(alias = "n_head")]
    num_attention_heads: usize,
    vocab_size: usize,
    #[serde(alias = "n_positions")]
    max_position_embeddings: usize,
    #[serde(default)]
    type_vocab_size: usize,
    #[serde(alias = "layer_norm_epsilon", default = "default_layer_epsilon")]
    layer_norm_eps: f32,
    #[serde(default)]
    qkv_proj_bias: bool,
    #[serde(default)]
    mlp_fc1_bias: bool,
    #[serde(default)]
    mlp_fc2_bias: bool,
    #[serde(alias = "hidden_act", default)]
    activation_function: Option<String>,
    #[serde(default)]
    rotary_emb_base: Option<f64>,
    #[serde(default)]
    rope_parameters: Option<Rope>,
    #[serde(default)]
    rotary_emb_fraction: Option<f64>,
    #[serde(default)]
    rotary_emb_scale_base: Option<f64>,
    #[serde(default)]
    rotary_scaling_factor: Option<f64>,
    #[serde(default)]
    rotary_emb_interleaved: bool,
    #[serde(default)]
    prenorm: bool,
    #[serde(default)]
    parallel_block: bool,
    #[serde(default)]
    use_rms_norm: Option<bool>,
    #[serde(default)]
    causal: bool,
    #[serde(default)]
    moe_every_n_layers: Option<usize>,
}

impl NomicFile {
    /// The shape it describes.
    ///
    /// # Errors
    /// When something in it is not supported.
    pub fn shape(self) -> Result<GatedShape, String> {
        let activation = self.activation_function.as_deref().unwrap_or("swiglu");
        if !["swiglu", "silu"].contains(&activation) {
            return Err(format!("activation_function {activation:?} is not supported; supported: \"swiglu\""));
        }
        let refused = [
            (self.rotary_emb_fraction.is_some_and(|part| part != 1.0), "rotary_emb_fraction other than 1"),
            (self.rotary_emb_scale_base.is_some(), "rotary_emb_scale_base"),
            (self.rotary_scaling_factor.is_some(), "rotary_scaling_factor"),
            (self.rotary_emb_interleaved, "rotary_emb_interleaved"),
            (self.prenorm, "prenorm"),
            (self.parallel_block, "parallel_block"),
            (self.use_rms_norm == Some(true), "use_rms_norm"),
            (self.causal, "causal"),
            (self.moe_every_n_layers.is_some_and(|every| every > 0), "moe_every_n_layers (a mixture of experts)"),
        ];
        if let Some((_, what)) = refused.into_iter().find(|(set, _)| *set) {
            return Err(format!("{what} is not supported"));
        }
        self.rope_parameters.iter().try_for_each(Rope::check)?;
        let inner = self.intermediate_size.unwrap_or(8 * self.hidden_size / 3).next_multiple_of(INNER_MULTIPLE);
        check_sizes(&[inner, self.num_hidden_layers, self.vocab_size])?;
        check_heads(self.hidden_size, self.num_attention_heads)?;
        let newer = self.rope_parameters.and_then(|rope| rope.rope_theta);
        Ok(GatedShape {
            family: GatedFamily::Nomic {
                attention_bias: self.qkv_proj_bias,
                up_bias: self.mlp_fc1_bias,
                down_bias: self.mlp_fc2_bias,
            },
            hidden_size: self.hidden_size,
            inner,
            num_hidden_layers: self.num_hidden_layers,
            num_attention_heads: self.num_attention_heads,
            vocab_size: self.vocab_size,
            max_position_embeddings: self.max_position_embeddings,
            type_vocab_size: self.type_vocab_size,
            layer_norm_eps: self.layer_norm_eps,
            rope_base: newer.or(self.rotary_emb_base).unwrap_or(10_000.0),
            rope_stretch: 1.0,
        })
    }
}
