//! Named amounts: what fits runs, what does not fit now waits, what never fits is refused.

use chia_dispatch::backend::{ObjectRef, Task};
use chia_dispatch::{CPU, ErrorKind, Resources};

use crate::SLOT;
use crate::case::{Case, cpu, nothing, slots};

/// What does not fit now waits until it fits.
pub(crate) async fn what_does_not_fit_waits(case: &Case) {
    let all = case.layout.all_slots();
    let holder = case.run(case.script().wait("open").mark("holder ends"), all).await;
    case.reached("open").await;
    let waiting = case.run(case.script().mark("waiting starts"), slots(1.0)).await;
    case.fence().await;
    case.open("open");
    case.value(&holder).await;
    case.value(&waiting).await;
    assert_eq!(case.board.log().last().map(String::as_str), Some("waiting starts"));
    assert_eq!(case.board.count("waiting starts"), 1);
}

/// The tasks of one node never hold more than it has.
pub(crate) async fn custom_amounts_are_never_exceeded(case: &Case) {
    visits(case, 40, &slots(1.0), 2).await;
}

/// The tasks of one node never hold more `cpu` than it has.
pub(crate) async fn cpus_are_never_exceeded(case: &Case) {
    visits(case, 20, &cpu(1.0), 1).await;
}

/// Amounts are fractions: four halves fit into two, side by side, and never a fifth.
pub(crate) async fn fractions_share_a_whole(case: &Case) {
    let mut halves = Vec::new();
    for number in 0..4 {
        halves.push(case.run(case.script().wait(format!("half {number}")), slots(0.5)).await);
    }
    case.reached_by(4, "half").await;
    (0..4).for_each(|number| case.open(&format!("half {number}")));
    for half in &halves {
        case.value(half).await;
    }
    visits(case, 30, &slots(0.5), 4).await;
}

/// A demand of several resources holds all of them.
pub(crate) async fn a_demand_of_several_holds_each(case: &Case) {
    let both = cpu(1.0).plus(&slots(1.0));
    let holder = case.run(case.script().wait("open"), both).await;
    case.reached("open").await;
    let by_cpu = case.run(case.script().mark("cpu"), cpu(1.0)).await;
    let by_slot = case.run(case.script().mark("slot"), slots(2.0)).await;
    case.fence().await;
    case.assert_never("cpu", "a held cpu was given to another");
    case.assert_never("slot", "a held slot was given to another");
    case.open("open");
    for task in [&holder, &by_cpu, &by_slot] {
        case.value(task).await;
    }
}

/// Nothing is added to a demand: a task that demands nothing runs when everything is held.
pub(crate) async fn no_demand_always_fits(case: &Case) {
    let all = case.layout.nodes()[0].without(chia_dispatch::MEMORY);
    let holder = case.run(case.script().wait("open"), all).await;
    case.reached("open").await;
    case.fence().await;
    case.open("open");
    case.value(&holder).await;
}

/// What no node could ever hold is refused at once, naming the shortfall.
pub(crate) async fn the_infeasible_is_refused_at_once(case: &Case) {
    let capacity = case.layout.nodes()[0].get(SLOT);
    let error = case.refused(task(case, slots(capacity + 3.0))).await;
    assert_eq!(error.kind(), ErrorKind::Infeasible, "{error}");
    assert!(error.message().contains(SLOT), "it does not name the resource: {error}");
    assert!(error.message().contains('3'), "it does not name the shortfall: {error}");
}

/// A resource that no node has is refused at once, by its name.
pub(crate) async fn an_unknown_resource_is_refused(case: &Case) {
    let demand = cpu(1.0).with("kit_unheard_of", 0.5);
    let error = case.refused(task(case, demand)).await;
    assert_eq!(error.kind(), ErrorKind::Infeasible, "{error}");
    assert!(error.message().contains("kit_unheard_of"), "it does not name the resource: {error}");
}

/// One node must hold all of a demand: that two have it together does not help.
pub(crate) async fn amounts_of_nodes_do_not_add_up(case: &Case) {
    for demand in [cpu(4.0), slots(1.0).with(crate::FAR, 1.0)] {
        let error = case.refused(task(case, demand)).await;
        assert_eq!(error.kind(), ErrorKind::Infeasible, "{error}");
    }
}

/// A demand for all is served although smaller ones keep coming.
pub(crate) async fn a_big_demand_is_not_starved(case: &Case) {
    let all = case.layout.all_slots();
    starve(case, (&slots(1.0), 3), &all).await;
}

/// A small demand is served although ones for all keep coming.
pub(crate) async fn a_small_demand_is_not_starved(case: &Case) {
    let all = case.layout.all_slots();
    starve(case, (&all, 2), &slots(1.0)).await;
}

fn task(case: &Case, demand: Resources) -> Task {
    case.script().mark("ran").task(demand)
}

/// Many tasks of one demand: never more inside than the limit.
async fn visits(case: &Case, tasks: usize, demand: &Resources, limit: usize) {
    let mut visits = Vec::new();
    for _ in 0..tasks {
        visits.push(case.run(case.script().visit(), demand.clone()).await);
    }
    for visit in &visits {
        case.value(visit).await;
    }
    let peak = case.board.peak();
    assert!(peak <= limit, "{peak} tasks held {demand} at once where {limit} fit");
}

/// Keeps `alive` tasks of a demand alive, a new one submitted before the oldest may end, and expects
/// the other task to run before thirty have passed.
async fn starve(case: &Case, (stream, alive): (&Resources, usize), starved: &Resources) {
    let crowd =
        |number: usize| case.run(case.script().wait(format!("crowd {number}")), stream.clone());
    let mut tasks: Vec<ObjectRef> = Vec::new();
    for number in 0..alive {
        tasks.push(crowd(number).await);
    }
    case.reached("crowd 0").await;
    let starved = case.run(case.script().mark("starved"), starved.clone()).await;
    for oldest in 0..30 {
        tasks.push(crowd(oldest + alive).await);
        // Lets an unfair backend show itself; a fair one loses only the time.
        let newest = format!("crowd {}", oldest + alive);
        let moment = std::time::Duration::from_millis(30);
        let _ = tokio::time::timeout(moment, case.reached(&newest)).await;
        case.open(&format!("crowd {oldest}"));
        case.value(&tasks[oldest]).await;
        if case.board.count("starved") > 0 {
            break;
        }
    }
    assert!(case.board.count("starved") > 0, "thirty later tasks went before one that waited");
    (0..tasks.len()).for_each(|number| case.open(&format!("crowd {number}")));
    case.value(&starved).await;
    for task in &tasks {
        case.value(task).await;
    }
}

/// The demand that the layouts leave room for, whatever else a node has.
pub(crate) async fn nodes_have_what_they_were_given(case: &Case) {
    let nodes = case.during("nodes", case.backend.nodes()).await.expect("nodes are known");
    let given = case.layout.nodes();
    assert_eq!(nodes.len(), given.len(), "the nodes of the layout: {nodes:?}");
    for (node, given) in nodes.iter().zip(&given) {
        assert!(node.alive, "{node:?}");
        for name in given.iter().map(|(name, _)| name).chain([CPU, SLOT]) {
            assert_eq!(node.capacity.amount(name), given.amount(name), "{name} of {node:?}");
        }
    }
    let task = case.run(case.script(), nothing()).await;
    case.value(&task).await;
}
