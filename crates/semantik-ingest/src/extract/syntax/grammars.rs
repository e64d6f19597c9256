//! The languages whose syntax is known, and what their kinds of nodes mean for cutting.

use tree_sitter::Language;
use tree_sitter_language::LanguageFn;

use super::hazards::{deep_indentation, long_heredoc_word, none};

/// What a kind of node means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Its children can be parted from each other.
    Block,
    /// Belongs to what stands directly below it.
    Comment,
    /// Belongs to what comes after it.
    Prefix,
    /// Has a name that its parts carry as context, after this word.
    Named(&'static str),
    /// A variable: named like `Named` where its value is a function or a class.
    Variable,
    Other,
}

/// A language: what parses it and the kinds that matter.
pub(super) struct Grammar {
    pub language: LanguageFn,
    /// Whether the scanner cannot be trusted with a text.
    pub hazard: fn(&str) -> bool,
    blocks: &'static [&'static str],
    named: &'static [(&'static str, &'static str)],
}

impl Grammar {
    /// The role of each kind, by its number.
    pub(super) fn roles(&self, language: &Language) -> Vec<Role> {
        let kinds = u16::try_from(language.node_kind_count()).unwrap_or(u16::MAX);
        (0..kinds).map(|id| self.role(language.node_kind_for_id(id).unwrap_or_default())).collect()
    }

    fn role(&self, kind: &str) -> Role {
        match kind {
            _ if self.blocks.contains(&kind) => Role::Block,
            "comment" | "line_comment" | "block_comment" | "html_comment" => Role::Comment,
            "attribute_item" | "decorator" | "access_specifier" => Role::Prefix,
            "variable_declarator" => Role::Variable,
            _ => self.named.iter().find(|named| named.0 == kind).map_or(Role::Other, |named| Role::Named(named.1)),
        }
    }
}

/// The grammars to try for a text, the likeliest first; the next ones are for what it cannot read.
pub(super) fn grammars_of(text: &str, mime: &str) -> &'static [&'static Grammar] {
    match mime {
        "text/x-rust" => &[&RUST],
        "text/x-python" => &[&PYTHON],
        "text/javascript" => &[&JAVASCRIPT],
        "text/x-typescript" => &[&TYPESCRIPT, &TSX],
        "text/x-go" => &[&GO],
        "text/x-java" => &[&JAVA],
        // A header of C++ has the same ending.
        "text/x-c" => &[&C, &CPP],
        "text/x-c++" => &[&CPP],
        "text/x-ruby" => &[&RUBY],
        "text/x-php" => &[&PHP],
        "text/x-shellscript" => script(text),
        _ => &[],
    }
}

/// Shell itself has no grammar here: the scanner of the published one reads beyond its memory.
///
/// The type of a script may say no more than that it has an interpreter, which its first line names.
fn script(text: &str) -> &'static [&'static Grammar] {
    let first = text.lines().next().unwrap_or_default();
    let Some(command) = first.strip_prefix("#!") else { return &[] };
    let program = command.split_whitespace().map(|word| word.rsplit('/').next().unwrap_or(word));
    let program = program.into_iter().find(|word| *word != "env" && !word.starts_with('-')).unwrap_or_default();
    match program.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.') {
        "python" | "pypy" => &[&PYTHON],
        "node" | "nodejs" => &[&JAVASCRIPT],
        "ruby" => &[&RUBY],
        "php" => &[&PHP],
        _ => &[],
    }
}

const RUST: Grammar = Grammar {
    language: tree_sitter_rust::LANGUAGE,
    hazard: none,
    blocks: &["block", "declaration_list", "match_block", "field_declaration_list", "enum_variant_list"],
    named: &[
        ("function_item", "fn"),
        ("impl_item", "impl"),
        ("struct_item", "struct"),
        ("enum_item", "enum"),
        ("union_item", "union"),
        ("trait_item", "trait"),
        ("mod_item", "mod"),
        ("macro_definition", "macro"),
    ],
};

const PYTHON: Grammar = Grammar {
    language: tree_sitter_python::LANGUAGE,
    hazard: deep_indentation,
    blocks: &["block"],
    named: &[("class_definition", "class"), ("function_definition", "def")],
};

const SCRIPT_BLOCKS: &[&str] =
    &["statement_block", "class_body", "object", "switch_body", "interface_body", "object_type", "enum_body"];
const SCRIPT_NAMED: &[(&str, &str)] = &[
    ("function_declaration", "function"),
    ("generator_function_declaration", "function"),
    ("class_declaration", "class"),
    ("abstract_class_declaration", "class"),
    ("class", "class"),
    ("method_definition", "method"),
    ("interface_declaration", "interface"),
    ("enum_declaration", "enum"),
    ("type_alias_declaration", "type"),
    ("internal_module", "namespace"),
    ("module", "module"),
];

const JAVASCRIPT: Grammar =
    Grammar { language: tree_sitter_javascript::LANGUAGE, hazard: none, blocks: SCRIPT_BLOCKS, named: SCRIPT_NAMED };

const TYPESCRIPT: Grammar = Grammar {
    language: tree_sitter_typescript::LANGUAGE_TYPESCRIPT,
    hazard: none,
    blocks: SCRIPT_BLOCKS,
    named: SCRIPT_NAMED,
};

const TSX: Grammar = Grammar {
    language: tree_sitter_typescript::LANGUAGE_TSX,
    hazard: none,
    blocks: SCRIPT_BLOCKS,
    named: SCRIPT_NAMED,
};

const GO: Grammar = Grammar {
    language: tree_sitter_go::LANGUAGE,
    hazard: none,
    blocks: &[
        "statement_list",
        "field_declaration_list",
        "interface_type",
        "type_declaration",
        "const_declaration",
        "var_spec_list",
        "import_spec_list",
    ],
    named: &[("function_declaration", "func"), ("method_declaration", "func"), ("type_spec", "type")],
};

const JAVA: Grammar = Grammar {
    language: tree_sitter_java::LANGUAGE,
    hazard: none,
    blocks: &[
        "block",
        "class_body",
        "interface_body",
        "annotation_type_body",
        "enum_body",
        "enum_body_declarations",
        "constructor_body",
        "switch_block",
        "module_body",
    ],
    named: &[
        ("class_declaration", "class"),
        ("interface_declaration", "interface"),
        ("annotation_type_declaration", "@interface"),
        ("enum_declaration", "enum"),
        ("record_declaration", "record"),
        ("method_declaration", "method"),
        ("constructor_declaration", "constructor"),
        ("compact_constructor_declaration", "constructor"),
    ],
};

const C_BLOCKS: &[&str] = &[
    "compound_statement",
    "field_declaration_list",
    "enumerator_list",
    "declaration_list",
    "preproc_if",
    "preproc_ifdef",
    "preproc_else",
    "preproc_elif",
    "preproc_elifdef",
];
const C_NAMED: &[(&str, &str)] = &[
    ("function_definition", "function"),
    ("struct_specifier", "struct"),
    ("class_specifier", "class"),
    ("union_specifier", "union"),
    ("enum_specifier", "enum"),
    ("namespace_definition", "namespace"),
];

const C: Grammar = Grammar { language: tree_sitter_c::LANGUAGE, hazard: none, blocks: C_BLOCKS, named: C_NAMED };

const CPP: Grammar = Grammar { language: tree_sitter_cpp::LANGUAGE, hazard: none, blocks: C_BLOCKS, named: C_NAMED };

const RUBY: Grammar = Grammar {
    language: tree_sitter_ruby::LANGUAGE,
    hazard: long_heredoc_word,
    blocks: &["body_statement", "block_body", "then", "else"],
    named: &[("class", "class"), ("module", "module"), ("method", "def"), ("singleton_method", "def")],
};

const PHP: Grammar = Grammar {
    language: tree_sitter_php::LANGUAGE_PHP,
    hazard: none,
    blocks: &["compound_statement", "declaration_list", "enum_declaration_list", "switch_block", "match_block"],
    named: &[
        ("function_definition", "function"),
        ("method_declaration", "method"),
        ("class_declaration", "class"),
        ("interface_declaration", "interface"),
        ("trait_declaration", "trait"),
        ("enum_declaration", "enum"),
        ("namespace_definition", "namespace"),
    ],
};
