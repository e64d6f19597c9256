//! The cutting itself: from left to right, each piece as long as it may be, ending at the best
//! place its window has.

use semantik_core::chunk::{ChunkSettings, ChunkStrategy};
use semantik_core::document::{ExtractedText, Heading, TextKind};
use semantik_core::syntax::Cut;

use super::Piece;
use super::breaks::{Style, Window, best};
use super::outline::{Outline, page};
use super::units::{Units, ceil};

/// A piece is long enough for a heading to end it at this part of the limit.
const HEADING_PART: usize = 4;
/// A piece is long enough for the best place to end it at this part of the limit.
const ENOUGH_PART: usize = 3;
/// A piece is long enough for an item of code that would not fit as well at this part of the limit.
const LITTLE_PART: usize = 10;
/// A last piece below this part of the limit joins the one before where both fit.
const TAIL_PART: usize = 5;

struct Cutter<'a> {
    text: &'a str,
    units: Units,
    headings: &'a [Heading],
    cuts: &'a [Cut],
    style: Style,
    most: usize,
    overlap: usize,
}

/// A piece before it knows its page and context.
#[derive(Clone, Copy)]
struct Span {
    start: usize,
    /// Where the part begins that no piece before has.
    own: usize,
    end: usize,
}

pub(super) fn cut(
    extracted: &ExtractedText,
    settings: &ChunkSettings,
    max_model_tokens: usize,
    tokens: &[(usize, usize)],
) -> Vec<Piece> {
    let text = extracted.text.as_str();
    let most = settings.max_tokens.min(max_model_tokens.saturating_sub(2)).max(1);
    let by_headings = !matches!(settings.strategy, ChunkStrategy::Tokens | ChunkStrategy::Sentence);
    let style = style(settings.strategy, extracted.kind);
    let syntax = extracted.syntax.as_ref().filter(|_| style == Style::Code);
    let (cuts, items) = syntax.map(|syntax| (syntax.cuts.as_slice(), syntax.items.as_slice())).unwrap_or_default();
    let cutter = Cutter {
        text,
        units: Units::new(text, tokens),
        headings: if by_headings { &extracted.headings } else { &[] },
        cuts,
        style,
        most,
        overlap: settings.overlap_tokens.min(most.saturating_sub(1) / 2),
    };
    let mut outline = Outline::new(&extracted.headings, items);
    let piece = |span: Span| Piece {
        start: span.start,
        end: span.end,
        overlap: span.own - span.start,
        page: page(&extracted.pages, span.start),
        context: outline.context(span.own, span.end),
        token_count: u32::try_from(cutter.units.count(span.start, span.end)).unwrap_or(u32::MAX),
    };
    cutter.spans().into_iter().map(piece).collect()
}

fn style(strategy: ChunkStrategy, kind: TextKind) -> Style {
    match (strategy, kind) {
        (ChunkStrategy::Tokens, _) => Style::Tokens,
        (ChunkStrategy::Sentence, _) => Style::Sentence,
        (ChunkStrategy::Code, _) | (ChunkStrategy::Recursive, TextKind::Code) => Style::Code,
        (ChunkStrategy::Recursive, TextKind::Table) => Style::Table,
        (ChunkStrategy::Recursive, TextKind::Plain | TextKind::Markdown) | (ChunkStrategy::Markdown, _) => Style::Prose,
    }
}

impl Cutter<'_> {
    fn spans(&self) -> Vec<Span> {
        let mut spans: Vec<Span> = Vec::new();
        let mut at = 0;
        let mut may_overlap = false;
        while let Some(own) = self.skip_space(at) {
            let start = if may_overlap { self.overlapped(spans.last(), own) } else { own };
            let mut span = Span { start, own, end: 0 };
            let (cut, at_heading) = self.end_of(&mut span);
            span.end = span.own + self.text[span.own..cut].trim_end().len();
            spans.push(span);
            at = cut;
            may_overlap = !at_heading;
        }
        self.join_tail(&mut spans);
        spans
    }

    fn skip_space(&self, at: usize) -> Option<usize> {
        let rest = self.text[at..].trim_start();
        (!rest.is_empty()).then(|| self.text.len() - rest.len())
    }

    /// Where a piece is cut, and whether a heading follows. Gives up the overlap when it leaves no
    /// room for anything new.
    fn end_of(&self, span: &mut Span) -> (usize, bool) {
        let mut limit = self.units.limit(span.start, self.most);
        if limit <= span.own {
            span.start = span.own;
            limit = self.units.limit(span.own, self.most);
        }
        // One character may have more tokens than the limit; it is a piece all the same.
        let limit = ceil(self.text, limit.max(span.own + 1));
        if let Some(heading) = self.heading_in(span.own, limit) {
            return (heading, true);
        }
        if limit == self.text.len() {
            return (limit, false);
        }
        let part = |part: usize| self.units.limit(span.own, self.most / part).min(limit);
        let window = Window {
            text: self.text,
            from: span.own,
            little: part(LITTLE_PART),
            enough: part(ENOUGH_PART),
            to: limit,
            style: self.style,
            syntax: self.cuts,
        };
        (best(&window, &|at| self.units.limit(at, self.most)), false)
    }

    /// The first heading that ends a piece which is long enough.
    fn heading_in(&self, own: usize, limit: usize) -> Option<usize> {
        let first = self.headings.partition_point(|heading| heading.start <= own);
        let near = self.headings[first..].iter().take_while(|heading| heading.start <= limit);
        let mut long_enough =
            near.filter(|heading| self.units.count(own, heading.start) >= (self.most / HEADING_PART).max(1));
        long_enough.next().map(|heading| heading.start)
    }

    /// Where a piece begins whose own part begins at `own`, at a word if there is one in reach.
    fn overlapped(&self, before: Option<&Span>, own: usize) -> usize {
        let Some(before) = before.filter(|_| self.overlap > 0) else { return own };
        let back = self.units.back(own, self.overlap).max(before.start).min(own);
        let reach = &self.text[back..own];
        let starts_word = back == before.start || self.text[..back].ends_with(char::is_whitespace);
        let word = if starts_word { Some(0) } else { reach.find(char::is_whitespace) };
        let from = back + word.unwrap_or(0);
        let trimmed = self.text[from..own].trim_start();
        if trimmed.is_empty() { own } else { own - trimmed.len() }
    }

    fn join_tail(&self, spans: &mut Vec<Span>) {
        let [.., before, last] = spans.as_slice() else { return };
        let (before, last) = (*before, *last);
        let tiny = self.units.count(last.own, last.end) < self.most / TAIL_PART;
        let heading = self.headings.binary_search_by_key(&last.own, |heading| heading.start).is_ok();
        if tiny && !heading && self.units.count(before.start, last.end) <= self.most {
            spans.pop();
            spans.pop();
            spans.push(Span { end: last.end, ..before });
        }
    }
}
