//! A decoded pickle: nodes that refer to one another by their place, so that what a pickle shares is
//! shared here.

use std::ops::Range;

/// The place of a node.
pub(super) type Id = usize;

#[derive(Debug)]
pub(super) enum Node {
    None,
    Bool(bool),
    /// A number as text.
    Number(String),
    /// Text that stands in the pickle as it is.
    Str(Range<usize>),
    Bytes(Range<usize>),
    /// Text that stands in the pickle with escapes, or that is a placeholder.
    Literal(String),
    List(Vec<Id>),
    Tuple(Vec<Id>),
    Set(Vec<Id>),
    Frozen(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    /// A class or a function, by its name.
    Global(String),
    /// An object: what builds it, from what, and what is put into it then.
    Built {
        by: Id,
        from: Id,
        with: Vec<Id>,
    },
}
