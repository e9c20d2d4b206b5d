//! Finds tasks that can never run, from the capacities of the nodes.

use chia_dispatch::backend::{Node, Placement, TaskOptions};
use chia_dispatch::{Error, ErrorKind, Resources, Result};

/// Refuses a demand that no node can ever hold. The error names the shortfall on the closest node.
pub(crate) fn check(nodes: &[Node], options: &TaskOptions) -> Result<()> {
    let demand = &options.resources;
    if candidates(nodes, &options.placement).any(|node| node.capacity.covers(demand)) {
        return Ok(());
    }
    let closest = candidates(nodes, &options.placement)
        .min_by_key(|node| demand.shortfall(&node.capacity).iter().count());
    let text = match closest {
        Some(node) => format!(
            "no node can hold {demand}: the closest, {} ({}), lacks {}",
            node.name,
            node.id,
            demand.shortfall(&node.capacity)
        ),
        None => format!("no living node can hold {demand} at {:?}", options.placement),
    };
    Err(Error::new(ErrorKind::Infeasible, text))
}

/// Refuses a wait for a task that cannot start while the waiter, on its node, holds `kept`.
pub(crate) fn check_wait(
    nodes: &[Node],
    awaited: &TaskOptions,
    waiters: &str,
    kept: &Resources,
) -> Result<()> {
    let left = |node: &Node| match node.id == waiters {
        true => node.capacity.minus(kept),
        false => node.capacity.clone(),
    };
    let demand = &awaited.resources;
    if candidates(nodes, &awaited.placement).any(|node| left(node).covers(demand)) {
        return Ok(());
    }
    let text = format!(
        "this task waits for {}, which needs {demand} and can never have it while this task \
         itself holds {kept}",
        awaited.name
    );
    Err(Error::new(ErrorKind::Deadlock, text).on_node(waiters))
}

fn candidates<'n>(nodes: &'n [Node], placement: &Placement) -> impl Iterator<Item = &'n Node> {
    let pinned = match placement {
        Placement::Node { id, soft: false } => Some(id.clone()),
        Placement::Driver => nodes.first().map(|node| node.id.clone()),
        _ => None,
    };
    nodes.iter().filter(move |node| node.alive && pinned.as_ref().is_none_or(|id| *id == node.id))
}

/// Whether a demand fits on any node, so that the nodes need not be known.
pub(crate) fn is_trivial(options: &TaskOptions) -> bool {
    options.resources == Resources::none()
        && !matches!(options.placement, Placement::Node { soft: false, .. })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(id: &str, capacity: Resources, alive: bool) -> Node {
        Node { id: id.into(), name: format!("host-{id}"), capacity, alive }
    }

    fn nodes() -> Vec<Node> {
        vec![
            node("a", Resources::from([("cpu", 2.0)]), true),
            node("b", Resources::from([("cpu", 2.0), ("adder", 1.0)]), true),
            node("c", Resources::from([("cpu", 64.0)]), false),
        ]
    }

    fn options(resources: Resources) -> TaskOptions {
        TaskOptions { name: "add".into(), resources, ..TaskOptions::default() }
    }

    #[test]
    fn r22_the_shortfall_of_the_closest_node_is_named() {
        let demand = Resources::from([("cpu", 5.0), ("adder", 1.0)]);
        let error = check(&nodes(), &options(demand)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Infeasible);
        assert!(error.message().ends_with("host-b (b), lacks cpu 3"), "{error}");
        assert!(check(&nodes(), &options(Resources::from([("adder", 1.0)]))).is_ok());
    }

    #[test]
    fn a_pinned_task_counts_only_its_node() {
        let on = |id: &str, soft| TaskOptions {
            placement: Placement::Node { id: id.into(), soft },
            ..options(Resources::from([("adder", 1.0)]))
        };
        assert!(check(&nodes(), &on("b", false)).is_ok());
        assert!(check(&nodes(), &on("a", false)).is_err());
        assert!(check(&nodes(), &on("a", true)).is_ok());
        assert!(check(&nodes(), &on("c", false)).is_err());
    }

    #[test]
    fn r22_a_wait_for_what_the_waiter_holds_is_refused() {
        let adder = options(Resources::from([("adder", 1.0), ("cpu", 2.0)]));
        for kept in [("adder", 1.0), ("cpu", 1.0)].map(|kept| Resources::from([kept])) {
            let error = check_wait(&nodes(), &adder, "b", &kept).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Deadlock);
            assert!(check_wait(&nodes(), &adder, "a", &kept).is_ok());
        }
        assert!(check_wait(&nodes(), &adder, "b", &Resources::none()).is_ok());
    }
}
