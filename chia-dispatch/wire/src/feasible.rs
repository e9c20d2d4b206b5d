//! Finds tasks that can never run, and waits that can never end, from the capacities of the nodes.

use chia_dispatch::backend::{Node, Placement, TaskOptions};
use chia_dispatch::{Error, ErrorKind, Resources, Result, feasible_nodes};

/// Refuses a demand that no node can ever hold. The error names the shortfall on the closest node.
pub(crate) fn check(nodes: &[Node], options: &TaskOptions) -> Result<()> {
    feasible_nodes(nodes, &options.resources, &options.placement).map(drop)
}

/// Refuses a wait for a task that cannot start while the waiter, on its node, holds `kept`.
pub(crate) fn check_wait(
    nodes: &[Node],
    awaited: &TaskOptions,
    waiters: &str,
    kept: &Resources,
) -> Result<()> {
    let left = |node: &Node| match node.id == waiters {
        true => Node { capacity: node.capacity.minus(kept), ..node.clone() },
        false => node.clone(),
    };
    let left: Vec<Node> = nodes.iter().map(left).collect();
    let demand = &awaited.resources;
    if feasible_nodes(&left, demand, &awaited.placement).is_ok() {
        return Ok(());
    }
    let text = format!(
        "this task waits for {}, which needs {demand} and can never have it while this task \
         itself holds {kept}",
        awaited.name
    );
    Err(Error::new(ErrorKind::Deadlock, text).on_node(waiters))
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
