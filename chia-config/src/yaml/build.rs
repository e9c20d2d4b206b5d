//! Parser events → tree.

use std::borrow::Cow;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use saphyr_parser::{Event, Parser, ScanError, Span as YamlSpan, Tag};

use super::node::{Kind, Node};
use super::scalar::Value;
use crate::report::{Diagnostic, Source, Span};

/// Deeper than any rules file needs. The bound limits the stack that a hostile file can use.
const MAX_DEPTH: usize = 64;

/// Reads the one document of `text`; `None` if there is nothing in it.
///
/// The error is the first thing that is not YAML: what follows it cannot be understood.
pub(crate) fn parse(text: &str, source: &Arc<Source>) -> Result<Option<Rc<Node>>, Diagnostic> {
    let mut builder = Builder::new(source);
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|error| builder.syntax_error(&error))?;
        builder.event(event, span)?;
    }
    Ok(builder.root)
}

struct Builder<'s> {
    source: &'s Arc<Source>,
    open: Vec<Open>,
    anchors: HashMap<usize, Rc<Node>>,
    documents: usize,
    root: Option<Rc<Node>>,
}

/// A collection whose end has not been seen.
struct Open {
    span: Span,
    anchor: usize,
    is_mapping: bool,
    tag: Option<String>,
    children: Vec<Rc<Node>>,
}

impl<'s> Builder<'s> {
    fn new(source: &'s Arc<Source>) -> Self {
        Self { source, open: Vec::new(), anchors: HashMap::new(), documents: 0, root: None }
    }

    fn event(&mut self, event: Event<'_>, at: YamlSpan) -> Result<(), Diagnostic> {
        let span = convert(at);
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let value = Value::of(&text, style, tag.as_deref());
                let kind = Kind::Scalar { text: text.into_owned(), value };
                self.add(Node { span, kind }, anchor);
            }
            Event::Alias(anchor) => match self.anchors.get(&anchor).cloned() {
                Some(node) => self.attach(node),
                None => return Err(self.source.error(span, "an alias inside its own anchor")),
            },
            Event::SequenceStart(anchor, tag) => self.open(span, anchor, false, tag)?,
            Event::MappingStart(anchor, tag) => self.open(span, anchor, true, tag)?,
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    let message = "a second YAML document: rules are one document a file";
                    return Err(self.source.error(span, message));
                }
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
        Ok(())
    }

    fn open(
        &mut self,
        span: Span,
        anchor: usize,
        is_mapping: bool,
        tag: Option<Cow<'_, Tag>>,
    ) -> Result<(), Diagnostic> {
        if self.open.len() == MAX_DEPTH {
            let message = format!("nested deeper than {MAX_DEPTH} levels");
            return Err(self.source.error(span, message));
        }
        let tag = tag.filter(|tag| !tag.is_yaml_core_schema()).map(|tag| tag.to_string());
        self.open.push(Open { span, anchor, is_mapping, tag, children: Vec::new() });
        Ok(())
    }

    fn close(&mut self) {
        let Some(Open { span, anchor, is_mapping, tag, children }) = self.open.pop() else {
            return;
        };
        let kind = match tag {
            Some(tag) => Kind::Scalar { text: String::new(), value: Value::Custom(tag) },
            None if is_mapping => Kind::Mapping(pairs(children)),
            None => Kind::Sequence(children),
        };
        self.add(Node { span, kind }, anchor);
    }

    fn add(&mut self, node: Node, anchor: usize) {
        let node = Rc::new(node);
        if anchor != 0 {
            self.anchors.insert(anchor, Rc::clone(&node));
        }
        self.attach(node);
    }

    fn attach(&mut self, node: Rc<Node>) {
        match self.open.last_mut() {
            Some(parent) => parent.children.push(node),
            None => self.root = Some(node),
        }
    }

    fn syntax_error(&self, error: &ScanError) -> Diagnostic {
        let mark = error.marker();
        let span = Span { line: narrow(mark.line()), column: narrow(mark.col() + 1), len: 1 };
        self.source.error(span, format!("this is not YAML: {}", error.info()))
    }
}

fn pairs(children: Vec<Rc<Node>>) -> Vec<(Rc<Node>, Rc<Node>)> {
    let mut children = children.into_iter();
    std::iter::from_fn(|| Some((children.next()?, children.next()?))).collect()
}

/// The part of an event's span that lies on its first line.
fn convert(span: YamlSpan) -> Span {
    let len = match span.start.line() == span.end.line() {
        true => span.end.index().saturating_sub(span.start.index()),
        false => usize::MAX,
    };
    Span { line: narrow(span.start.line()), column: narrow(span.start.col() + 1), len: narrow(len) }
}

fn narrow(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
