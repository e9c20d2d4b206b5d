//! How many characters a node can match.

use super::ast::Node;

/// The least and the greatest width, which look-behinds need to be one; `None` if there is no greatest, or none is known.
pub(super) fn width(node: &Node) -> Option<(u64, u64)> {
    match node {
        Node::Literal(..) | Node::Any { .. } | Node::Class(_) => Some((1, 1)),
        Node::Assert(_) | Node::Look { .. } => Some((0, 0)),
        Node::Group(body) | Node::Capture(body) | Node::Atomic(body) => width(body),
        // A reference is as wide as what it refers to, which may be anything.
        Node::BackReference(..) => None,
        Node::Conditional { yes, no, .. } => widest([yes.as_ref(), no.as_ref()]),
        Node::Alternation(branches) => widest(branches),
        Node::Concat(items) => {
            items.iter().map(width).try_fold((0, 0), |sum: (u64, u64), width| {
                let (low, high) = width?;
                Some((sum.0.saturating_add(low), sum.1.saturating_add(high)))
            })
        }
        Node::Repeat { body, min, max, .. } => {
            let ((low, high), max) = (width(body)?, (*max)?);
            Some((low.saturating_mul((*min).into()), high.saturating_mul(max.into())))
        }
    }
}

/// Whether a node can match the empty text; a reference to a group counts as if it could.
pub(super) fn can_be_empty(node: &Node) -> bool {
    match node {
        Node::Literal(..) | Node::Any { .. } | Node::Class(_) => false,
        Node::Assert(_) | Node::Look { .. } | Node::BackReference(..) => true,
        Node::Group(body) | Node::Capture(body) | Node::Atomic(body) => can_be_empty(body),
        Node::Conditional { yes, no, .. } => can_be_empty(yes) || can_be_empty(no),
        Node::Alternation(branches) => branches.iter().any(can_be_empty),
        Node::Concat(items) => items.iter().all(can_be_empty),
        Node::Repeat { body, min, .. } => *min == 0 || can_be_empty(body),
    }
}

fn widest<'n>(nodes: impl IntoIterator<Item = &'n Node>) -> Option<(u64, u64)> {
    let mut widths = nodes.into_iter().map(width);
    let first = widths.next()??;
    widths.try_fold(first, |all, next| {
        let (low, high) = next?;
        Some((all.0.min(low), all.1.max(high)))
    })
}
