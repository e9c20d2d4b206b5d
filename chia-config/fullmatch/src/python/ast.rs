//! The syntax tree of a pattern. Flags are resolved: each node knows how it folds case.

/// Which letters count as equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fold {
    /// No case folding.
    Exact,
    /// `(?i)`.
    Unicode,
    /// `(?ai)`.
    Ascii,
}

/// `\d`, `\s`, `\w` and their negations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Perl {
    Digit,
    Space,
    Word,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Item {
    Range(char, char),
    Perl { kind: Perl, negated: bool },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Class {
    pub(crate) negated: bool,
    pub(crate) items: Vec<Item>,
    pub(crate) fold: Fold,
    /// `(?a)`: `\d`, `\s` and `\w` are ASCII only.
    pub(crate) ascii: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Assertion {
    /// `\A`, and `^` without `(?m)`.
    TextStart,
    /// `\Z`.
    TextEnd,
    /// `$` without `(?m)`: also before a newline at the very end.
    TextEndOrNewline,
    /// `^` with `(?m)`.
    LineStart,
    /// `$` with `(?m)`.
    LineEnd,
    /// `\b` and `\B`.
    WordBoundary { ascii: bool, negated: bool },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    Greedy,
    Lazy,
    Possessive,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Node {
    Literal(char, Fold),
    /// `.`; with `(?s)` a newline as well.
    Any {
        newline: bool,
    },
    Class(Class),
    Assert(Assertion),
    /// Parentheses that only group.
    Group(Box<Node>),
    /// Parentheses that capture, numbered from 1.
    Capture(Box<Node>),
    BackReference(u32, Fold),
    Look {
        ahead: bool,
        negated: bool,
        body: Box<Node>,
    },
    Atomic(Box<Node>),
    Conditional {
        group: u32,
        yes: Box<Node>,
        no: Box<Node>,
    },
    Repeat {
        body: Box<Node>,
        min: u32,
        max: Option<u32>,
        kind: Repeat,
    },
    Concat(Vec<Node>),
    Alternation(Vec<Node>),
}

/// A whole pattern.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) root: Node,
    /// Whether anything refers to a group, so that captures are needed.
    pub(crate) refers_to_groups: bool,
}
