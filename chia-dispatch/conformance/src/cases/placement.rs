//! Which node a task runs on.

use chia_dispatch::backend::{ObjectRef, Placement, Task};
use chia_dispatch::{ErrorKind, Resources};

use crate::FAR;
use crate::case::{Case, cpu, nothing, slots};
use crate::script::Step;

fn far() -> Resources {
    Resources::none().with(FAR, 1.0)
}

fn placed(case: &Case, placement: Placement, demand: Resources) -> Task {
    let mut task = case.script().then(Step::EmitPlace).task(demand);
    task.options.placement = placement;
    task
}

fn on(id: &str, soft: bool) -> Placement {
    Placement::Node { id: id.to_owned(), soft }
}

async fn nodes(case: &Case) -> [String; 2] {
    let nodes = case.during("nodes", case.backend.nodes()).await.expect("nodes are known");
    let ids: Vec<_> = nodes.into_iter().map(|node| node.id).collect();
    ids.try_into().expect("the layout has two nodes")
}

async fn node_of(case: &Case, task: &ObjectRef) -> String {
    case.seen(task).await.node
}

/// A resource that one node alone has leads there.
pub(crate) async fn a_resource_leads_to_its_node(case: &Case) {
    let [near_id, far_id] = nodes(case).await;
    for _ in 0..3 {
        let far = case.submit(placed(case, Placement::Anywhere, far())).await;
        assert_eq!(node_of(case, &far).await, far_id, "a task ran where its resource is not");
        let near = case.submit(placed(case, Placement::Anywhere, slots(1.0))).await;
        assert_eq!(node_of(case, &near).await, near_id, "a task ran where its resource is not");
    }
}

/// [`Placement::Node`] is kept, on either node.
pub(crate) async fn a_chosen_node_is_kept(case: &Case) {
    for id in nodes(case).await {
        for _ in 0..4 {
            let task = case.submit(placed(case, on(&id, false), cpu(1.0))).await;
            assert_eq!(node_of(case, &task).await, id, "a task ran on another node than asked");
        }
    }
}

/// A full node is waited for, although another one has room.
pub(crate) async fn a_chosen_node_is_waited_for(case: &Case) {
    let [near, _] = nodes(case).await;
    let mut holder = case.script().wait("open").task(cpu(2.0));
    holder.options.placement = on(&near, false);
    let holder = case.submit(holder).await;
    case.reached("open").await;
    let task = case.submit(placed(case, on(&near, false), cpu(1.0))).await;
    case.fence().await;
    case.open("open");
    case.value(&holder).await;
    assert_eq!(node_of(case, &task).await, near);
}

/// A task for a node that can never hold it, or that is unknown, is refused at once.
pub(crate) async fn a_node_that_can_never_hold_it_is_refused(case: &Case) {
    let [near, _] = nodes(case).await;
    let error = case.refused(placed(case, on(&near, false), far())).await;
    assert_eq!(error.kind(), ErrorKind::Infeasible, "{error}");
    let error = case.refused(placed(case, on("kit-no-such-node", false), cpu(1.0))).await;
    assert_eq!(error.kind(), ErrorKind::Infeasible, "{error}");
}

/// With a soft choice another node will do when the chosen one is gone or can never hold the task.
pub(crate) async fn a_soft_choice_gives_way(case: &Case) {
    let [near_id, far_id] = nodes(case).await;
    let task = case.submit(placed(case, on(&near_id, true), far())).await;
    assert_eq!(node_of(case, &task).await, far_id);
    let task = case.submit(placed(case, on("kit-no-such-node", true), slots(1.0))).await;
    assert_eq!(node_of(case, &task).await, near_id);
    let task = case.submit(placed(case, on(&far_id, true), cpu(1.0))).await;
    assert_eq!(node_of(case, &task).await, far_id, "a soft choice that can be kept is kept");
}

/// The driver's node is the first of the nodes; here it leads the cluster too.
pub(crate) async fn the_drivers_node_is_the_first(case: &Case) {
    let [near_id, _] = nodes(case).await;
    for placement in [Placement::Driver, Placement::Head] {
        for _ in 0..4 {
            let task = case.submit(placed(case, placement.clone(), cpu(1.0))).await;
            assert_eq!(node_of(case, &task).await, near_id, "{placement:?}");
        }
        let error = case.refused(placed(case, placement, far())).await;
        assert_eq!(error.kind(), ErrorKind::Infeasible, "{error}");
    }
}

/// Tasks that are to be spread are on different nodes while both have room.
pub(crate) async fn spread_uses_both_nodes(case: &Case) {
    let mut tasks = Vec::new();
    for number in 0..2 {
        let script = case.script().then(Step::EmitPlace).wait(format!("here {number}"));
        let mut task = script.task(cpu(1.0));
        task.options.placement = Placement::Spread;
        tasks.push(case.submit(task).await);
    }
    case.reached_by(2, "here").await;
    (0..2).for_each(|number| case.open(&format!("here {number}")));
    assert_ne!(node_of(case, &tasks[0]).await, node_of(case, &tasks[1]).await);
}

/// Results go from node to node.
pub(crate) async fn a_result_reaches_another_node(case: &Case) {
    let far_value = case.run(case.script().emit("from far "), far()).await;
    let mut task = case.script().then(Step::EmitArgs).emit("and near").task(slots(1.0));
    task.args = vec![far_value];
    let near_value = case.submit(task).await;
    let mut task = case.script().then(Step::EmitArgs).emit(" and back").task(far());
    task.args = vec![near_value];
    let task = case.submit(task).await;
    assert_eq!(case.text(&task).await, "from far and near and back");
    let idle = case.run(case.script(), nothing()).await;
    case.value(&idle).await;
}
