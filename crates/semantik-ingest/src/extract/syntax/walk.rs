//! One walk over a syntax tree, without recursion: a tree is as deep as its text is hostile.

use semantik_core::syntax::{Cut, Item, Place, Syntax};
use tree_sitter::{Node, Tree};

use super::grammars::Role;
use super::names::name;

/// Nodes of fewer bytes are not looked into: they fit into any chunk.
const SMALLEST: usize = 48;
/// Bytes between two places of which neither is stronger.
const NEAREST: usize = 6;
/// Named items nested deeper than this add nothing to a context.
const DEEPEST_ITEM: u8 = 16;

/// What a node hands down to its children.
#[derive(Clone, Copy)]
struct Frame {
    parts: Parts,
    /// Blocks around the children.
    depth: usize,
    /// Named items around the children.
    level: u8,
    /// The child of a block that the children are in, from its comments to its end.
    outer: (usize, usize),
    /// Where the first child begins: it stays with the head of its block.
    first: Option<usize>,
}

/// Whether a node's children can be parted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Parts {
    Whole,
    Block,
    /// What stands in an error is a guess: only lines are parted.
    Error,
}

/// Comments and attributes in a row that wait for the item below them.
#[derive(Clone, Copy)]
struct Run {
    start: usize,
    end: usize,
    /// Ends with an attribute, which belongs to what follows at any distance.
    prefix: bool,
}

struct Walk<'a> {
    text: &'a str,
    roles: &'a [Role],
    syntax: Syntax,
    run: Option<Run>,
    broken: usize,
}

/// The syntax of a text by its tree, and how many bytes of it are errors.
pub(super) fn walk(text: &str, tree: &Tree, roles: &[Role]) -> (usize, Syntax) {
    let mut walk = Walk { text, roles, syntax: Syntax::default(), run: None, broken: 0 };
    let root = tree.root_node();
    let mut cursor = root.walk();
    let parts = if root.is_error() { Parts::Error } else { Parts::Block };
    walk.broken += if root.is_error() { text.len() } else { 0 };
    let mut frames = vec![Frame { parts, depth: 0, level: 0, outer: (0, text.len()), first: None }];
    let mut descend = cursor.goto_first_child();
    while descend {
        if let Some(parent) = frames.last_mut()
            && let Some(frame) = walk.visit(cursor.node(), parent)
            && cursor.goto_first_child()
        {
            frames.push(frame);
            continue;
        }
        while !cursor.goto_next_sibling() {
            frames.pop();
            if frames.is_empty() || !cursor.goto_parent() {
                descend = false;
                break;
            }
        }
    }
    (walk.broken, walk.finish())
}

impl Walk<'_> {
    /// Notes what a node says, and what its children must know if they are worth a look.
    fn visit(&mut self, node: Node<'_>, parent: &mut Frame) -> Option<Frame> {
        let (start, end) = (node.start_byte(), node.end_byte());
        if !node.is_named() || start >= end || self.text.get(start..end).is_none() {
            return None;
        }
        let role = if node.is_error() { Role::Other } else { self.role(node) };
        match role {
            Role::Comment if !self.begins_line(start) => return None,
            Role::Comment | Role::Prefix => {
                let from = self.join(start, end, role == Role::Prefix);
                self.cut(from, parent);
                return None;
            }
            Role::Block | Role::Named(_) | Role::Variable | Role::Other => {}
        }
        let from = self.claim(start);
        let apart = match parent.parts {
            Parts::Whole => false,
            Parts::Block => true,
            Parts::Error => self.begins_line(start),
        };
        if apart {
            self.cut(from, parent);
        }
        if end - start < SMALLEST && matches!(role, Role::Block | Role::Other) {
            self.broken += if node.has_error() && parent.parts != Parts::Error { end - start } else { 0 };
            return None;
        }
        let outer = if parent.parts == Parts::Whole { parent.outer } else { (from, end) };
        let mut frame = Frame { parts: Parts::Whole, outer, first: None, ..*parent };
        if node.is_error() {
            self.broken += if parent.parts == Parts::Error { 0 } else { end - start };
            frame.parts = Parts::Error;
        } else if role == Role::Block {
            frame.parts = Parts::Block;
            frame.depth += 1;
        } else if parent.level < DEEPEST_ITEM
            && let Some(name) = name(node, role, self.text)
        {
            self.syntax.items.push(Item { name, level: parent.level, start: outer.0, end: outer.1 });
            frame.level += 1;
        }
        Some(frame)
    }

    fn role(&self, node: Node<'_>) -> Role {
        self.roles.get(usize::from(node.kind_id())).copied().unwrap_or(Role::Other)
    }

    /// Adds a comment or an attribute to those above it; where they begin.
    fn join(&mut self, start: usize, end: usize, prefix: bool) -> usize {
        let above = self.run.filter(|run| self.directly_above(run, start));
        if above.is_some_and(|above| prefix || above.prefix) {
            self.syntax.cuts.push(Cut { at: start, place: Place::Glued });
        }
        let from = above.map_or(start, |above| above.start);
        let end = start + self.text[start..end].trim_end().len();
        self.run = Some(Run { start: from, end, prefix });
        from
    }

    /// Where an item begins with what belongs to it above.
    fn claim(&mut self, start: usize) -> usize {
        let Some(run) = self.run.take().filter(|run| self.directly_above(run, start)) else { return start };
        self.syntax.cuts.push(Cut { at: start, place: Place::Glued });
        run.start
    }

    fn directly_above(&self, run: &Run, start: usize) -> bool {
        let Some(gap) = self.text.get(run.end..start) else { return false };
        // A colon follows the `public` of C++.
        let empty = gap.chars().all(|character| character.is_whitespace() || character == ':');
        empty && (run.prefix || gap.bytes().filter(|byte| *byte == b'\n').count() <= 1)
    }

    fn cut(&mut self, at: usize, parent: &mut Frame) {
        if parent.parts == Parts::Whole {
            return;
        }
        let head = parent.depth > 0 && *parent.first.get_or_insert(at) == at;
        let place = if head { Place::Head } else { Place::Between(self.rank(at, parent.depth)) };
        self.syntax.cuts.push(Cut { at, place });
    }

    /// The less there is around a place the better it is, and after a blank line a little more so.
    fn rank(&self, at: usize, depth: usize) -> u8 {
        let before = &self.text[..at];
        let space = &before[before.trim_end().len()..];
        let blank = space.bytes().filter(|byte| *byte == b'\n').count() > 1;
        let depth = u8::try_from(depth).unwrap_or(u8::MAX);
        (Place::RANKS / 2 - 1).saturating_sub(depth) * 2 + u8::from(blank)
    }

    /// Drops a place that comes directly after one as strong: lines of a few letters would cost more
    /// than they are worth.
    fn thin(&mut self) {
        let mut last: Option<Cut> = None;
        self.syntax.cuts.retain(|cut| {
            let near = |last: Cut| cut.at < last.at + NEAREST && cut.place <= last.place;
            let kept = !last.is_some_and(near);
            last = if kept { Some(*cut) } else { last };
            kept
        });
    }

    fn begins_line(&self, at: usize) -> bool {
        let line = self.text[..at].trim_end_matches([' ', '\t']);
        line.is_empty() || line.ends_with('\n')
    }

    fn finish(mut self) -> Syntax {
        // Of several notes on one place the last one stays: glued, or else the strongest.
        self.syntax.cuts.sort_unstable_by_key(|cut| (cut.at, cut.place));
        self.syntax.cuts.reverse();
        self.syntax.cuts.dedup_by_key(|cut| cut.at);
        self.syntax.cuts.reverse();
        self.thin();
        self.syntax.items.sort_by_key(|item| item.start);
        self.syntax
    }
}
