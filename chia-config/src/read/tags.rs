//! The `tags:` option: one pattern or a list of them.

use super::*;
use crate::Pattern;
use crate::yaml::Entry;

impl Reader<'_> {
    pub(super) fn tags(&mut self, option: &Entry) -> Option<TagPatterns> {
        let node = &option.value;
        if let Some(done) = self.compiled.get(&Rc::as_ptr(node)) {
            return done.clone();
        }
        let tags = self.compile(node);
        self.compiled.insert(Rc::as_ptr(node), tags.clone());
        tags
    }

    fn compile(&mut self, node: &Rc<Node>) -> Option<TagPatterns> {
        let nodes = node.items();
        let (mut items, mut patterns) = (Vec::new(), Vec::new());
        for item in nodes {
            let Some(text) = item.as_str() else {
                self.not_a_pattern(item);
                continue;
            };
            patterns.push(Pattern::new(text.to_owned(), self.source.location(item.span)));
            items.push(item);
        }
        match TagPatterns::compile(patterns) {
            Ok(tags) => Some(tags).filter(|_| items.len() == nodes.len()),
            Err(errors) => {
                for error in errors.iter() {
                    self.bad_pattern(items[error.index()], error);
                }
                None
            }
        }
    }

    fn not_a_pattern(&mut self, item: &Node) {
        let message = format!("expected a pattern in `tags`, found {}", item.describe());
        let help = match &item.kind {
            Kind::Scalar { .. } if item.is_null() => {
                "remove the key to match every call, or write `[]` to match none".into()
            }
            Kind::Scalar { text, .. } => format!("write \"{text}\" in quotes if it is a pattern"),
            _ => "`tags` is a pattern, or one list of patterns".into(),
        };
        self.error(item, message, Some(help));
    }

    fn bad_pattern(&mut self, item: &Node, error: &PatternError) {
        let span = error.offset().and_then(|offset| self.inside(item, offset)).unwrap_or(item.span);
        let message = format!("bad pattern: {}", error.reason());
        self.problems.push(self.source.error(span, message));
    }

    /// The place of a character of a scalar, if the file has the scalar without escapes.
    fn inside(&self, item: &Node, offset: usize) -> Option<Span> {
        let text = item.as_str()?;
        let line: String = self.source.text_from(item.span)?.collect();
        let quote = usize::from(line.starts_with(['"', '\'']));
        line[quote..].starts_with(text).then(|| Span {
            line: item.span.line,
            column: item.span.column + u32::try_from(quote + offset).unwrap_or(0),
            len: 1,
        })
    }
}
