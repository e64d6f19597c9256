//! What an item is called: `fn read`, `impl Read for File`, `class A`.

use tree_sitter::Node;

use super::grammars::Role;

/// Longest name, in characters.
const LONGEST: usize = 80;
/// A declarator of C lies inside others; more than this many are nobody's code.
const DEEPEST_DECLARATOR: usize = 16;

/// The name of a node with such a role.
pub(super) fn name(node: Node<'_>, role: Role, text: &str) -> Option<String> {
    let word = match role {
        Role::Named(word) => word,
        Role::Variable => variable(node)?,
        Role::Block | Role::Comment | Role::Prefix | Role::Other => return None,
    };
    // C says `struct a` wherever it speaks of one; only what has a body is the item.
    if node.kind().ends_with("_specifier") && node.child_by_field_name("body").is_none() {
        return None;
    }
    let field = |field| node.child_by_field_name(field).and_then(|child| text.get(child.byte_range()));
    let called = match (field("receiver"), field("trait")) {
        (Some(receiver), _) => format!("{receiver} {}", field("name")?),
        (None, Some(of)) => format!("{of} for {}", field("type")?),
        (None, None) => field("name").or_else(|| declared(node, text)).or_else(|| field("type"))?.to_owned(),
    };
    let called = called.split_whitespace().collect::<Vec<_>>().join(" ");
    (!called.is_empty()).then(|| format!("{word} {called}").chars().take(LONGEST).collect())
}

/// The word for a variable that holds something with parts.
fn variable(node: Node<'_>) -> Option<&'static str> {
    match node.child_by_field_name("value")?.kind() {
        "arrow_function" | "function_expression" | "generator_function" => Some("function"),
        "class" => Some("class"),
        _ => None,
    }
}

/// The innermost declarator: what a declaration of C is about.
fn declared<'a>(node: Node<'_>, text: &'a str) -> Option<&'a str> {
    let mut inner = node.child_by_field_name("declarator")?;
    for _ in 0..DEEPEST_DECLARATOR {
        let Some(next) = inner.child_by_field_name("declarator") else { break };
        inner = next;
    }
    text.get(inner.byte_range())
}
