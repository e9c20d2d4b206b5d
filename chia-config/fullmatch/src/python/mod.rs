//! The syntax of Python's `re`, for `str` patterns.
//!
//! Source: the `re` documentation of Python 3.13,
//! <https://docs.python.org/3/library/re.html#regular-expression-syntax>. Patterns are read
//! by Python's rules and only then written in the engines' own syntax, so that a
//! construct which both know but read differently (`\Z`, `$`, `\w`, `[[a]`, `(?i)` in the
//! middle) means what it means in Python, or is refused.

mod ast;
mod class;
mod escape;
mod flags;
mod group;
mod parse;
mod tokens;
mod width;

pub(crate) use ast::{Assertion, Class, Fold, Item, Node, Perl, Repeat, Tree};
pub(crate) use parse::parse;
