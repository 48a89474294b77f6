//! One YAML document as a tree that knows where in the text each part stands.

use std::collections::HashSet;
use std::ops::Range;

use granit_parser::{
    Event, Options, Parser, ScalarStyle, ScanError, Span, StrInput, StructureStyle, options,
};

use super::error::{RoutesError, RoutesProblem};
use crate::text::SafeLine;

/// Deeper than any routes file, and shallow enough for the stack.
const MAX_NESTING: usize = 64;

/// A document, or nothing but comments.
#[derive(Debug, Clone)]
pub(super) struct Document {
    pub(super) root: Option<Node>,
    /// Byte ranges from the `#` to the line's end, in order.
    pub(super) comments: Vec<Range<usize>>,
}

/// A value. A block ends where its last scalar ends, a flow collection behind its bracket.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) line: usize,
    pub(super) kind: Kind,
}

#[derive(Debug, Clone)]
pub(super) enum Kind {
    Scalar { value: String, quoting: Quoting },
    Sequence { flow: bool, items: Vec<Node> },
    Mapping { flow: bool, entries: Vec<Entry> },
}

/// How a scalar is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quoting {
    Plain,
    Single,
    Double,
    Block,
}

#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_at: Range<usize>,
    pub(super) key_line: usize,
    pub(super) value: Node,
}

impl Document {
    pub(super) fn parse(text: &str) -> Result<Self, RoutesError> {
        check_line_breaks(text)?;
        let mut composer = Composer {
            parser: Parser::new_from_str_with_options(text, parser_options(text)),
            comments: Vec::new(),
        };
        let root = composer.document()?;
        let mut comments = composer.comments;
        comments.sort_by_key(|range| range.start);
        Ok(Document { root, comments })
    }
}

impl Node {
    /// The entry of that key, in a mapping.
    pub(super) fn entry(&self, key: &str) -> Option<&Entry> {
        match &self.kind {
            Kind::Mapping { entries, .. } => entries.iter().find(|entry| entry.key == key),
            _ => None,
        }
    }

    /// Whether nothing is written where a value could stand; YAML reads that as null.
    pub(super) fn is_absent(&self) -> bool {
        let plain = matches!(
            self.kind,
            Kind::Scalar {
                quoting: Quoting::Plain,
                ..
            }
        );
        plain && self.start == self.end
    }
}

fn parser_options(text: &str) -> Options {
    options! {
        block_nesting_limit: MAX_NESTING,
        flow_nesting_limit: MAX_NESTING,
        // A long header of comments is no attack: the text is in memory already.
        max_buffered_comment_events: text.len(),
    }
}

/// YAML 1.1 programs end a line, and with it a comment, at characters that YAML 1.2 takes for text.
fn check_line_breaks(text: &str) -> Result<(), RoutesError> {
    let mut line = 1;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\n' => line += 1,
            '\r' if chars.peek() == Some(&'\n') => {}
            '\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => {
                return Err(RoutesProblem::LineBreak(u32::from(c)).at(line));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Builds nodes from the parser's events and sets the comments aside.
struct Composer<'t> {
    parser: Parser<'t, StrInput<'t>>,
    comments: Vec<Range<usize>>,
}

impl<'t> Composer<'t> {
    fn document(&mut self) -> Result<Option<Node>, RoutesError> {
        let mut root = None;
        let mut seen = false;
        loop {
            let (event, span) = self.event()?;
            match event {
                Event::StreamEnd => return Ok(root),
                Event::DocumentStart(..) if seen => {
                    return Err(RoutesProblem::SecondDocument.at(span.start.line()));
                }
                Event::DocumentStart(..) => seen = true,
                Event::StreamStart | Event::DocumentEnd => {}
                other => root = Some(self.node(other, span)?).filter(|node| !node.is_absent()),
            }
        }
    }

    /// The next event that is no comment.
    fn event(&mut self) -> Result<(Event<'t>, Span), RoutesError> {
        loop {
            let next = self.parser.next_event();
            let (event, span) = next
                .unwrap_or(Ok((Event::StreamEnd, Span::default())))
                .map_err(syntax)?;
            match event {
                Event::Comment(..) => self.comments.push(bytes(span)?),
                event => return Ok((event, span)),
            }
        }
    }

    fn node(&mut self, event: Event<'t>, span: Span) -> Result<Node, RoutesError> {
        let line = span.start.line();
        if event.is_alias() {
            return Err(RoutesProblem::Alias.at(line));
        }
        if event.anchor_id().is_some() {
            return Err(RoutesProblem::Anchor.at(line));
        }
        if event.tag().is_some() {
            return Err(RoutesProblem::Tag.at(line));
        }
        match event {
            Event::Scalar(value, style, ..) => scalar(value.into_owned(), style, span),
            Event::SequenceStart(style, ..) => self.sequence(style == StructureStyle::Flow, span),
            Event::MappingStart(style, ..) => self.mapping(style == StructureStyle::Flow, span),
            _ => Err(RoutesProblem::Syntax("a value is missing".into()).at(line)),
        }
    }

    fn sequence(&mut self, flow: bool, start: Span) -> Result<Node, RoutesError> {
        let mut items: Vec<Node> = Vec::new();
        loop {
            let (event, span) = self.event()?;
            if event == Event::SequenceEnd {
                let last = items.last().map(|item| item.end);
                return collection(
                    start,
                    span,
                    last.filter(|_| !flow),
                    Kind::Sequence { flow, items },
                );
            }
            items.push(self.node(event, span)?);
        }
    }

    fn mapping(&mut self, flow: bool, start: Span) -> Result<Node, RoutesError> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut keys = HashSet::new();
        loop {
            let (event, span) = self.event()?;
            if event == Event::MappingEnd {
                let last = entries.last().map(|entry| entry.value.end);
                return collection(
                    start,
                    span,
                    last.filter(|_| !flow),
                    Kind::Mapping { flow, entries },
                );
            }
            let entry = self.entry(event, span)?;
            if !keys.insert(entry.key.clone()) {
                let key = SafeLine::new(&entry.key).to_string();
                return Err(RoutesProblem::DuplicateKey(key).at(entry.key_line));
            }
            entries.push(entry);
        }
    }

    fn entry(&mut self, event: Event<'t>, span: Span) -> Result<Entry, RoutesError> {
        let key = self.node(event, span)?;
        let Kind::Scalar { value: name, quoting } = key.kind else {
            return Err(RoutesProblem::ComplexKey.at(key.line));
        };
        if name == "<<" && quoting == Quoting::Plain {
            return Err(RoutesProblem::MergeKey.at(key.line));
        }
        let (event, span) = self.event()?;
        Ok(Entry {
            key: name,
            key_at: key.start..key.end,
            key_line: key.line,
            value: self.node(event, span)?,
        })
    }
}

fn scalar(value: String, style: ScalarStyle, span: Span) -> Result<Node, RoutesError> {
    let quoting = match style {
        ScalarStyle::Plain => Quoting::Plain,
        ScalarStyle::SingleQuoted => Quoting::Single,
        ScalarStyle::DoubleQuoted => Quoting::Double,
        ScalarStyle::Literal | ScalarStyle::Folded => Quoting::Block,
    };
    let at = bytes(span)?;
    Ok(Node {
        start: at.start,
        end: at.end,
        line: span.start.line(),
        kind: Kind::Scalar { value, quoting },
    })
}

/// The parser ends a block where the next token stands; `last` is where its own text ends.
fn collection(start: Span, end: Span, last: Option<usize>, kind: Kind) -> Result<Node, RoutesError> {
    let closed_at = bytes(end)?.end;
    Ok(Node {
        start: bytes(start)?.start,
        end: last.unwrap_or(closed_at),
        line: start.start.line(),
        kind,
    })
}

fn bytes(span: Span) -> Result<Range<usize>, RoutesError> {
    // Always there for a text in memory; without it nothing could be placed.
    span.byte_range()
        .ok_or(RoutesProblem::Unpatchable.at(span.start.line()))
}

fn syntax(error: ScanError) -> RoutesError {
    let line = error.marker().line().max(1);
    RoutesProblem::Syntax(SafeLine::new(&error.kind().to_string()).to_string()).at(line)
}
