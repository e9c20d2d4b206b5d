//! Scheduling classes: all tasks of one demand and placement queue together.

use std::sync::Arc;

use chia_dispatch::backend::{Node, Placement};
use chia_dispatch::{Error, ErrorKind, Place, Resources, Result};

use super::amounts::{Demand, Names};

/// One demand with one placement. Tasks of the same class are alike for the scheduler.
#[derive(Debug)]
pub(crate) struct Class {
    /// The index of its backlog.
    pub(super) slot: usize,
    pub(super) resources: Resources,
    pub(super) placement: Placement,
    pub(super) demand: Demand,
    /// The nodes that could hold it when they are empty, in the order of preference.
    pub(super) node_slots: Vec<NodeSlot>,
}

/// A node that can hold a class.
#[derive(Clone, Debug)]
pub(super) struct NodeSlot {
    pub(super) node: usize,
    pub(super) place: Arc<Place>,
}

impl Class {
    pub(super) fn new(
        slot: usize,
        resources: &Resources,
        placement: &Placement,
        nodes: &[Node],
        names: &Names,
    ) -> Result<Self> {
        let allowed = allowed(resources, placement, nodes)?;
        let node_slots = allowed.into_iter().filter(|node| nodes[*node].capacity.covers(resources));
        let node_slots: Vec<NodeSlot> =
            node_slots.map(|node| node_slot(node, &nodes[node], resources)).collect();
        match Demand::new(resources, names) {
            Some(demand) if !node_slots.is_empty() => Ok(Self {
                slot,
                resources: resources.clone(),
                placement: placement.clone(),
                demand,
                node_slots,
            }),
            _ => Err(shortfall(resources, placement, nodes)),
        }
    }

    /// What each task of this class holds.
    pub(crate) fn resources(&self) -> &Resources {
        &self.resources
    }
}

fn node_slot(node: usize, of: &Node, resources: &Resources) -> NodeSlot {
    let place = Place { node: of.id.clone(), resources: resources.clone(), attempt: 0 };
    NodeSlot { node, place: Arc::new(place) }
}

/// The nodes that the placement names, whatever they have.
fn allowed(resources: &Resources, placement: &Placement, nodes: &[Node]) -> Result<Vec<usize>> {
    let all = || (0..nodes.len()).collect();
    match placement {
        Placement::Anywhere | Placement::Spread => Ok(all()),
        Placement::Driver | Placement::Head => Ok(vec![0]),
        Placement::Node { id, soft } => match nodes.iter().position(|node| node.id == *id) {
            Some(node) if !soft || nodes[node].capacity.covers(resources) => Ok(vec![node]),
            None if !soft => Err(unknown(id, nodes)),
            _ => Ok(all()),
        },
    }
}

fn unknown(id: &str, nodes: &[Node]) -> Error {
    let known: Vec<&str> = nodes.iter().map(|node| node.id.as_str()).collect();
    let message = format!("no node has the id `{id}`; the nodes are {}", known.join(", "));
    Error::new(ErrorKind::Infeasible, message)
}

/// The error that names the node that comes closest, and the amounts that it lacks.
fn shortfall(resources: &Resources, placement: &Placement, nodes: &[Node]) -> Error {
    let allowed = allowed(resources, placement, nodes).unwrap_or_default();
    let lacks = |node: &usize| resources.shortfall(&nodes[*node].capacity);
    // Few names lacking beats small amounts lacking: units of different resources do not compare.
    let nearest = allowed.into_iter().min_by_key(|node| {
        let lacks = lacks(node);
        (lacks.iter().count(), lacks.iter().map(|(_, amount)| amount.units()).sum::<u64>())
    });
    let where_to = match placement {
        Placement::Anywhere | Placement::Spread => "no node can ever hold it",
        _ => "the node that its placement names can never hold it",
    };
    let nearest = nearest.map_or(String::new(), |node| {
        let Node { id, capacity, .. } = &nodes[node];
        format!("; the nearest is `{id}` with {capacity}: short of {}", lacks(&node))
    });
    Error::new(ErrorKind::Infeasible, format!("the demand is {resources}, and {where_to}{nearest}"))
}
