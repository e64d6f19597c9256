//! Encoders with rotary positions, gated feed-forward parts and a norm after each part: what
//! NomicBERT and GTE have in common once their files are read.

/// The sizes and kinds of an encoder's parts.
#[derive(Debug, Clone)]
pub(crate) struct GatedShape {
    pub family: GatedFamily,
    pub hidden_size: usize,
    /// The width between the two products of a feed-forward part.
    pub inner: usize,
    pub num_hidden_layers: usize,
    pub num_attention_heads: usize,
    pub vocab_size: usize,
    pub max_position_embeddings: usize,
    /// Kinds of segments that words are told apart by; 0 where they are not.
    pub type_vocab_size: usize,
    pub layer_norm_eps: f32,
    /// What the angles of the positions are made from.
    pub rope_base: f64,
    /// What all angles are divided by.
    pub rope_stretch: f64,
}

/// Whose names the tensors have, and what differs between them.
#[derive(Debug, Clone, Copy)]
pub(crate) enum GatedFamily {
    /// Gates with SiLU; biases where these say so.
    Nomic { attention_bias: bool, up_bias: bool, down_bias: bool },
    /// Gates with GELU; biases everywhere but on the way up and at the gate.
    Gte {
        /// Whether queries, keys and values are one tensor.
        packed: bool,
    },
}

impl GatedShape {
    /// Whether this is NomicBERT.
    pub fn is_nomic(&self) -> bool {
        matches!(self.family, GatedFamily::Nomic { .. })
    }
}
