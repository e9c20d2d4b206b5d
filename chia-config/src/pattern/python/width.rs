//! How many characters a node can match: look-behinds need one answer.

use super::ast::Node;

/// The least and the greatest width; `None` if there is no greatest, or none is known.
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

fn widest<'n>(nodes: impl IntoIterator<Item = &'n Node>) -> Option<(u64, u64)> {
    let mut widths = nodes.into_iter().map(width);
    let first = widths.next()??;
    widths.try_fold(first, |all, next| {
        let (low, high) = next?;
        Some((all.0.min(low), all.1.max(high)))
    })
}
