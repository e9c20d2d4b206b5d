//! Which nodes can hold a demand, from their capacities: for backends that refuse what can never run.

use crate::backend::{Node, Placement};
use crate::error::{Error, ErrorKind, Result};
use crate::resources::Resources;

/// The living nodes that can hold `demand` once they are empty, as indices of `nodes`, if the placement
/// lets it run there. [`Placement::Driver`] is the first node; a backend that knows which one leads the
/// cluster replaces [`Placement::Head`], which is any node here.
///
/// # Errors
/// [`ErrorKind::Infeasible`] when there is none. The message names the node that comes closest, and the
/// amounts that it lacks.
pub fn feasible_nodes(
    nodes: &[Node],
    demand: &Resources,
    placement: &Placement,
) -> Result<Vec<usize>> {
    let covers = |at: &usize| nodes[*at].capacity.covers(demand);
    let allowed = allowed(nodes, placement, covers)?;
    let feasible: Vec<usize> = allowed.iter().copied().filter(covers).collect();
    if feasible.is_empty() {
        Err(shortfall(nodes, demand, placement, &allowed))
    } else {
        Ok(feasible)
    }
}

/// The living nodes that the placement names. A soft choice that cannot hold the demand gives way.
fn allowed(
    nodes: &[Node],
    placement: &Placement,
    covers: impl Fn(&usize) -> bool,
) -> Result<Vec<usize>> {
    let mut allowed: Vec<usize> = (0..nodes.len()).filter(|at| nodes[*at].alive).collect();
    match placement {
        Placement::Anywhere | Placement::Spread | Placement::Head => {}
        Placement::Driver => allowed.retain(|at| *at == 0),
        Placement::Node { id, soft } => {
            let chosen = allowed.iter().copied().find(|at| nodes[*at].id == *id);
            match chosen {
                Some(node) if !soft || covers(&node) => allowed = vec![node],
                None if !soft => return Err(unknown(id, nodes)),
                _ => {}
            }
        }
    }
    Ok(allowed)
}

fn unknown(id: &str, nodes: &[Node]) -> Error {
    let known = nodes.iter().filter(|node| node.alive).map(|node| node.id.as_str());
    let known: Vec<&str> = known.collect();
    let message = format!("no node has the id `{id}`; the nodes are {}", known.join(", "));
    Error::new(ErrorKind::Infeasible, message)
}

fn shortfall(
    nodes: &[Node],
    demand: &Resources,
    placement: &Placement,
    allowed: &[usize],
) -> Error {
    let lacks = |node: &usize| demand.shortfall(&nodes[*node].capacity);
    // Few names lacking beats small amounts lacking: units of different resources do not compare.
    let nearest = allowed.iter().min_by_key(|node| {
        let lacks = lacks(node);
        (lacks.iter().count(), lacks.iter().map(|(_, amount)| amount.units()).sum::<u64>())
    });
    let where_to = match placement {
        Placement::Anywhere | Placement::Spread => "no node can ever hold it",
        _ => "the node that its placement names can never hold it",
    };
    let nearest = nearest.map_or(String::new(), |node| {
        let Node { id, capacity, .. } = &nodes[*node];
        format!("; the nearest is `{id}` with {capacity}: short of {}", lacks(node))
    });
    Error::new(ErrorKind::Infeasible, format!("the demand is {demand}, and {where_to}{nearest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes() -> Vec<Node> {
        let node = |id: &str, capacity, alive| {
            let (id, name) = (id.to_owned(), format!("host-{id}"));
            Node { id, name, capacity, alive }
        };
        vec![
            node("a", Resources::from([("cpu", 2.0)]), true),
            node("b", Resources::from([("cpu", 2.0), ("adder", 1.0)]), true),
            node("c", Resources::from([("cpu", 64.0)]), false),
        ]
    }

    fn feasible(demand: &[(&str, f64)], placement: &Placement) -> Result<Vec<usize>> {
        let demand = demand.iter().map(|(name, amount)| ((*name).to_owned(), *amount));
        let demand = demand.fold(Resources::none(), |all, (name, amount)| all.with(name, amount));
        feasible_nodes(&nodes(), &demand, placement)
    }

    #[test]
    fn r22_the_shortfall_of_the_closest_node_is_named() {
        let error = feasible(&[("cpu", 5.0), ("adder", 1.0)], &Placement::Anywhere).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Infeasible);
        assert!(error.message().contains("nearest is `b`"), "{error}");
        assert!(error.message().ends_with("short of cpu 3"), "{error}");
        assert_eq!(feasible(&[("adder", 1.0)], &Placement::Spread).unwrap(), [1]);
        assert_eq!(feasible(&[("cpu", 1.0)], &Placement::Anywhere).unwrap(), [0, 1], "c is dead");
    }

    #[test]
    fn a_pinned_task_counts_only_its_node() {
        let on =
            |id: &str, soft| feasible(&[("adder", 1.0)], &Placement::Node { id: id.into(), soft });
        assert_eq!(on("b", false).unwrap(), [1]);
        assert!(on("a", false).is_err());
        assert_eq!(on("a", true).unwrap(), [1], "a soft choice gives way");
        assert_eq!(on("x", true).unwrap(), [1]);
        let error = on("c", false).unwrap_err();
        assert!(error.message().contains("`c`; the nodes are a, b"), "{error}");
        assert!(feasible(&[("adder", 1.0)], &Placement::Driver).is_err());
    }
}
