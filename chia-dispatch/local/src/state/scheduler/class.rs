//! Scheduling classes: all tasks of one demand and placement queue together.

use std::sync::Arc;

use chia_dispatch::backend::{Node, Placement};
use chia_dispatch::{Error, ErrorKind, Place, Resources, Result, feasible_nodes};

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
        // The first node is the driver's, and the head.
        let wanted = if *placement == Placement::Head { &Placement::Driver } else { placement };
        let feasible = feasible_nodes(nodes, resources, wanted)?;
        let node_slots = feasible.into_iter().map(|at| node_slot(at, &nodes[at], resources));
        let demand = Demand::new(resources, names).ok_or_else(|| {
            let message = format!("no node has all of {resources}");
            Error::new(ErrorKind::Infeasible, message)
        })?;
        Ok(Self {
            slot,
            resources: resources.clone(),
            placement: placement.clone(),
            demand,
            node_slots: node_slots.collect(),
        })
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
