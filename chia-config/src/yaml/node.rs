//! The located tree. Aliases share the node of their anchor, so nothing is ever copied.

use std::rc::Rc;

use super::scalar::Value;
use crate::report::Span;

#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) span: Span,
    pub(crate) kind: Kind,
}

#[derive(Debug)]
pub(crate) enum Kind {
    Scalar {
        /// The text after unquoting and unescaping.
        text: String,
        value: Value,
    },
    Sequence(Vec<Rc<Node>>),
    Mapping(Vec<(Rc<Node>, Rc<Node>)>),
}

impl Node {
    /// The text of a scalar that can serve as a key.
    pub(crate) fn key(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar { text, value } if *value != Value::Null => Some(text),
            _ => None,
        }
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(&self.kind, Kind::Scalar { value, .. } if *value == Value::Null)
    }

    pub(crate) fn as_bool(&self) -> Option<bool> {
        match &self.kind {
            Kind::Scalar { value: Value::Bool(flag), .. } => Some(*flag),
            _ => None,
        }
    }

    pub(crate) fn as_str(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar { text, value: Value::Text { .. } } => Some(text),
            _ => None,
        }
    }

    /// A whole number from 1.
    pub(crate) fn as_position(&self) -> Option<usize> {
        match &self.kind {
            Kind::Scalar { text, value: Value::Number } => text.parse().ok().filter(|n| *n > 0),
            _ => None,
        }
    }

    /// A number that is not negative.
    pub(crate) fn as_amount(&self) -> Option<f64> {
        match &self.kind {
            Kind::Scalar { text, value: Value::Number } => {
                text.parse().ok().filter(|n: &f64| n.is_finite() && *n >= 0.0)
            }
            _ => None,
        }
    }

    /// The text of a scalar that is text or a number.
    pub(crate) fn as_text_or_number(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar { text, value: Value::Text { .. } | Value::Number } => Some(text),
            _ => None,
        }
    }

    /// The items of a list; anything else is the only item.
    pub(crate) fn items(self: &Rc<Self>) -> &[Rc<Self>] {
        match &self.kind {
            Kind::Sequence(items) => items,
            _ => std::slice::from_ref(self),
        }
    }

    /// What this is, for "expected …, found …".
    pub(crate) fn describe(&self) -> String {
        match &self.kind {
            Kind::Sequence(_) => "a list".into(),
            Kind::Mapping(_) => "a mapping".into(),
            Kind::Scalar { text, value } => match value {
                Value::Null => "nothing".into(),
                Value::Bool(_) => format!("the boolean `{text}`"),
                Value::Number => format!("the number `{text}`"),
                Value::Text { .. } => format!("the string \"{text}\""),
                Value::Custom(tag) => format!("a value with the YAML tag `{tag}`"),
            },
        }
    }
}
