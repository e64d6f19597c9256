//! What models want written before a text, by the series they belong to.
//!
//! A rule only counts where the model's own folder names no prompts, and an owner may set others.

use serde::{Deserialize, Serialize};

/// What is written before queries and before passages; empty for nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prefixes {
    #[serde(default)]
    pub query: String,
    #[serde(default)]
    pub passage: String,
}

/// The prefixes of a series of models.
#[derive(Debug, Serialize)]
pub struct PrefixRule {
    pub name: &'static str,
    pub query: &'static str,
    pub passage: &'static str,
    /// What the names of its models begin with, without the organisation, in lower case.
    #[serde(skip)]
    stems: &'static [&'static str],
}

const SEARCHING: &str = "Represent this sentence for searching relevant passages: ";

pub(crate) static E5: PrefixRule = PrefixRule {
    name: "E5",
    query: "query: ",
    passage: "passage: ",
    stems: &[
        "e5-small",
        "e5-base",
        "e5-large",
        "multilingual-e5-small",
        "multilingual-e5-base",
        "multilingual-e5-large",
    ],
};
pub(crate) static BGE_ENGLISH: PrefixRule = PrefixRule {
    name: "BGE (English)",
    query: SEARCHING,
    passage: "",
    stems: &["bge-small-en", "bge-base-en", "bge-large-en"],
};
static BGE_CHINESE: PrefixRule = PrefixRule {
    name: "BGE (Chinese)",
    query: "为这个句子生成表示以用于检索相关文章：",
    passage: "",
    stems: &["bge-small-zh", "bge-base-zh", "bge-large-zh"],
};
pub(crate) static NOMIC: PrefixRule = PrefixRule {
    name: "Nomic",
    query: "search_query: ",
    passage: "search_document: ",
    stems: &["nomic-embed-text", "modernbert-embed"],
};
pub(crate) static QWEN3: PrefixRule = PrefixRule {
    name: "Qwen3-Embedding",
    query: "Instruct: Given a web search query, retrieve relevant passages that answer the query\nQuery:",
    passage: "",
    stems: &["qwen3-embedding"],
};
pub(crate) static ARCTIC_2: PrefixRule = PrefixRule {
    name: "arctic-embed 2",
    query: "query: ",
    passage: "",
    stems: &["snowflake-arctic-embed-m-v2.0", "snowflake-arctic-embed-l-v2.0"],
};
pub(crate) static ARCTIC: PrefixRule =
    PrefixRule { name: "arctic-embed", query: SEARCHING, passage: "", stems: &["snowflake-arctic-embed-"] };
pub(crate) static MXBAI: PrefixRule =
    PrefixRule { name: "mxbai", query: SEARCHING, passage: "", stems: &["mxbai-embed-large"] };

/// Every rule; of two that fit a name the earlier one counts.
static RULES: [&PrefixRule; 8] = [&E5, &BGE_ENGLISH, &BGE_CHINESE, &NOMIC, &QWEN3, &ARCTIC_2, &ARCTIC, &MXBAI];

/// The rule for a model of this name, with or without its organisation.
pub(crate) fn rule_for(name: &str) -> Option<&'static PrefixRule> {
    let name = name.trim_end_matches('/').rsplit('/').next().unwrap_or(name).to_lowercase();
    // Models that are told their task in words have prompts of their own.
    if name.contains("instruct") {
        return None;
    }
    RULES.into_iter().find(|rule| rule.stems.iter().any(|stem| name.starts_with(stem)))
}

/// What is written before a passage, in quotes and printable ASCII. Queries are not kept, so what is
/// written before them may change.
pub(crate) fn recipe(prefixes: &Prefixes) -> String {
    format!("\"{}\"", prefixes.passage.escape_default())
}

impl From<&PrefixRule> for Prefixes {
    fn from(rule: &PrefixRule) -> Self {
        Self { query: rule.query.into(), passage: rule.passage.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::rule_for;

    fn check(name: &str, expected: Option<&str>) {
        assert_eq!(rule_for(name).map(|rule| rule.name), expected, "{name}");
    }

    #[test]
    fn a_name_finds_the_rule_of_its_series() {
        check("intfloat/multilingual-e5-base", Some("E5"));
        check("E5-small-v2", Some("E5"));
        check("intfloat/multilingual-e5-large-instruct", None);
        check("BAAI/bge-base-en-v1.5", Some("BGE (English)"));
        check("BAAI/bge-m3", None);
        check("/models/nomic-embed-text-v1.5/", Some("Nomic"));
        check("nomic-ai/modernbert-embed-base", Some("Nomic"));
        check("Alibaba-NLP/gte-modernbert-base", None);
        check("Qwen/Qwen3-Embedding-8B", Some("Qwen3-Embedding"));
        check("Snowflake/snowflake-arctic-embed-l-v2.0", Some("arctic-embed 2"));
        check("Snowflake/snowflake-arctic-embed-m-v1.5", Some("arctic-embed"));
        check("mixedbread-ai/mxbai-embed-large-v1", Some("mxbai"));
        check("sentence-transformers/all-MiniLM-L6-v2", None);
        check("", None);
    }
}
