//! Who else can make vectors: the kinds of remote servers that are spoken to.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::collection::text_enum;

text_enum!(
    /// The protocol of a remote embedder. `openai` stands for every server with that API, such as
    /// vLLM, LM Studio and llama.cpp.
    Provider { OpenAi = "openai", Cohere = "cohere", Tei = "tei", Ollama = "ollama" }
);
