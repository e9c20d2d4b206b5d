//! What a pattern says. Flags are resolved: each node knows how it folds case.

/// Which letters count as equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::pattern) enum Fold {
    /// No case folding.
    Exact,
    /// `(?i)`.
    Unicode,
    /// `(?ai)`.
    Ascii,
}

/// `\d`, `\s`, `\w` and their negations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::pattern) enum Perl {
    Digit,
    Space,
    Word,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::pattern) enum Item {
    Range(char, char),
    Perl { kind: Perl, negated: bool },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::pattern) struct Class {
    pub(in crate::pattern) negated: bool,
    pub(in crate::pattern) items: Vec<Item>,
    pub(in crate::pattern) fold: Fold,
    /// `(?a)`: `\d`, `\s` and `\w` are ASCII only.
    pub(in crate::pattern) ascii: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::pattern) enum Assertion {
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
pub(in crate::pattern) enum Repeat {
    Greedy,
    Lazy,
    Possessive,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::pattern) enum Node {
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
pub(in crate::pattern) struct Tree {
    pub(in crate::pattern) root: Node,
    /// Whether anything refers to a group, so that captures must be kept.
    pub(in crate::pattern) refers_to_groups: bool,
}
