//! The scheduler alone: no tasks, no time.

use chia_dispatch::ErrorKind;

use super::*;

/// A task with a number; a negative one is cancelled.
impl Entry for i32 {
    fn is_wanted(&self) -> bool {
        *self >= 0
    }
}

type Demo = Scheduler<i32>;

fn cluster<const N: usize>(capacities: [Resources; N]) -> Demo {
    let node = |(index, capacity)| {
        let id = format!("n{index}");
        Node { name: id.clone(), id, capacity, alive: true }
    };
    Scheduler::new(capacities.into_iter().enumerate().map(node).collect())
}

fn cpus(amount: f64) -> Resources {
    Resources::from([("cpu", amount)])
}

fn admit(demo: &mut Demo, demand: &Resources, to: Placement, task: i32) -> Option<Grant> {
    let class = demo.class(demand, &to).unwrap();
    demo.admit(&class, task).map(|(_, grant)| grant)
}

fn here(demo: &mut Demo, demand: &Resources, task: i32) -> Option<Grant> {
    admit(demo, demand, Placement::Anywhere, task)
}

fn next(demo: &mut Demo) -> Option<i32> {
    demo.next().map(|(task, _)| task)
}

#[test]
fn r22_what_does_not_fit_waits_and_starts_in_order() {
    let mut demo = cluster([cpus(2.0)]);
    let first = here(&mut demo, &cpus(1.0), 1).unwrap();
    let second = here(&mut demo, &cpus(1.0), 2).unwrap();
    for task in 3..6 {
        assert!(here(&mut demo, &cpus(1.0), task).is_none());
    }
    assert_eq!(next(&mut demo), None);
    demo.release(&second);
    assert_eq!(next(&mut demo), Some(3));
    assert_eq!(next(&mut demo), None);
    demo.release(&first);
    assert_eq!(next(&mut demo), Some(4));
    assert_eq!(next(&mut demo), None);
}

#[test]
fn r22_a_new_task_does_not_overtake_its_like() {
    let mut demo = cluster([cpus(1.0)]);
    let first = here(&mut demo, &cpus(1.0), 1).unwrap();
    assert!(here(&mut demo, &cpus(1.0), 2).is_none());
    demo.release(&first);
    assert!(here(&mut demo, &cpus(1.0), 3).is_none(), "3 went before 2");
    assert_eq!(next(&mut demo), Some(2));
}

#[test]
fn r22_fractions_fill_a_whole_and_no_more() {
    let mut demo = cluster([Resources::from([("gpu", 1.0)])]);
    let third = Resources::from([("gpu", 0.3)]);
    let grants: Vec<_> = (0..3).map(|task| here(&mut demo, &third, task).unwrap()).collect();
    assert!(here(&mut demo, &third, 3).is_none());
    assert!(here(&mut demo, &Resources::from([("gpu", 0.1)]), 4).is_some());
    demo.release(&grants[0]);
    assert_eq!(next(&mut demo), Some(3));
}

#[test]
fn r22_every_resource_of_a_demand_counts() {
    let mut demo = cluster([Resources::from([("cpu", 4.0), ("license", 1.0)])]);
    let both = Resources::from([("cpu", 1.0), ("license", 1.0)]);
    let first = here(&mut demo, &both, 1).unwrap();
    assert!(here(&mut demo, &both, 2).is_none());
    assert!(here(&mut demo, &cpus(3.0), 3).is_some());
    assert!(here(&mut demo, &cpus(1.0), 4).is_none(), "the first holds a cpu too");
    demo.release(&first);
    assert_eq!(next(&mut demo), Some(2));
}

#[test]
fn r22_the_shortfall_is_named_with_the_nearest_node() {
    let small = Resources::from([("cpu", 1.0), ("license", 1.0)]);
    let mut demo = cluster([cpus(4.0), small]);
    let demand = Resources::from([("cpu", 2.0), ("license", 3.0)]);
    let error = demo.class(&demand, &Placement::Anywhere).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Infeasible);
    assert_eq!(
        error.message(),
        "the demand is cpu 2, license 3, and no node can ever hold it; \
         the nearest is `n0` with cpu 4: short of license 3"
    );
    let error = demo.class(&cpus(2.0), &node("n1", false)).unwrap_err();
    assert!(error.message().ends_with("`n1` with cpu 1, license 1: short of cpu 1"), "{error}");
    let error = demo.class(&cpus(1.0), &node("n7", false)).unwrap_err();
    assert_eq!(error.message(), "no node has the id `n7`; the nodes are n0, n1");
    let error = demo.class(&Resources::from([("fpga", 0.1)]), &Placement::Anywhere).unwrap_err();
    assert!(error.message().contains("short of fpga 0.1"), "{error}");
}

fn node(id: &str, soft: bool) -> Placement {
    Placement::Node { id: id.to_owned(), soft }
}

#[test]
fn r22_placements_choose_the_node() {
    let mut demo = cluster([cpus(2.0), cpus(4.0)]);
    let mut on = |to: Placement, amount: f64| {
        let grant = admit(&mut demo, &cpus(amount), to, 0);
        let name = grant.as_ref().map(|grant| grant.place.node.clone());
        grant.iter().for_each(|grant| demo.release(grant));
        name.unwrap()
    };
    assert_eq!(on(Placement::Anywhere, 1.0), "n0");
    assert_eq!(on(Placement::Anywhere, 3.0), "n1");
    assert_eq!(on(Placement::Driver, 1.0), "n0");
    assert_eq!(on(Placement::Head, 1.0), "n0");
    assert_eq!(on(node("n1", false), 1.0), "n1");
    assert_eq!(on(node("n0", true), 1.0), "n0");
    assert_eq!(on(node("n0", true), 3.0), "n1");
    assert_eq!(on(node("gone", true), 1.0), "n0");
    assert_eq!(on(Placement::Spread, 1.0), "n0");
    assert_eq!(on(Placement::Spread, 1.0), "n1");
    assert_eq!(on(Placement::Spread, 1.0), "n0");
}

#[test]
fn r22_a_chosen_node_is_waited_for() {
    let mut demo = cluster([cpus(1.0), cpus(1.0)]);
    let first = here(&mut demo, &cpus(1.0), 1).unwrap();
    assert!(admit(&mut demo, &cpus(1.0), node("n0", true), 2).is_none());
    demo.release(&first);
    assert_eq!(next(&mut demo), Some(2));
}

#[test]
fn r22_a_big_demand_is_not_starved_by_small_ones() {
    let mut demo = cluster([cpus(4.0)]);
    let mut running: Vec<_> = (0..4).map(|at| here(&mut demo, &cpus(1.0), at).unwrap()).collect();
    assert!(here(&mut demo, &cpus(4.0), 999).is_none());
    // One small one ends at a time, and another is there at once.
    for round in 0..1000 {
        demo.release(&running.remove(0));
        running.extend(here(&mut demo, &cpus(1.0), 1000 + round));
        while let Some((task, grant)) = demo.next() {
            if task == 999 {
                assert_eq!(round, i32::try_from(MAX_PASSES).unwrap() + 3, "8 passes, 4 to end");
                return;
            }
            running.push(grant);
        }
    }
    panic!("the big demand never ran");
}

#[test]
fn r22_a_reservation_leaves_other_resources_alone() {
    let mut demo = cluster([Resources::from([("cpu", 2.0), ("gpu", 1.0)])]);
    let holder = here(&mut demo, &cpus(1.0), 0).unwrap();
    assert!(here(&mut demo, &cpus(2.0), 999).is_none());
    for task in 0..100 {
        here(&mut demo, &cpus(1.0), task).into_iter().for_each(|grant| demo.release(&grant));
    }
    let tasks = (0..100).filter(|task| here(&mut demo, &cpus(1.0), *task).is_some());
    assert_eq!(tasks.count(), 0, "the node is not reserved");
    assert!(here(&mut demo, &Resources::from([("gpu", 1.0)]), 7).is_some());
    demo.release(&holder);
    assert_eq!(next(&mut demo), Some(999));
}

#[test]
fn r22_no_node_is_reserved_that_an_actor_keeps_too_full() {
    let mut demo = cluster([cpus(4.0)]);
    let mut actor = here(&mut demo, &cpus(3.0), 0).unwrap();
    demo.pin(&mut actor);
    assert!(here(&mut demo, &cpus(2.0), 999).is_none());
    for task in 0..100 {
        let grant = here(&mut demo, &cpus(1.0), task);
        demo.release(&grant.expect("one cpu is free, and the big demand cannot use it"));
    }
    demo.release(&actor);
    assert_eq!(next(&mut demo), Some(999));
}

#[test]
fn r22_a_reservation_lapses_when_an_actor_takes_the_node() {
    let mut demo = cluster([cpus(4.0), cpus(4.0)]);
    let first = here(&mut demo, &cpus(3.0), 0).unwrap();
    let second = here(&mut demo, &cpus(2.0), 1).unwrap();
    assert_eq!((first.node, second.node), (0, 1));
    let mut third = here(&mut demo, &cpus(1.0), 2).unwrap();
    assert!(here(&mut demo, &cpus(3.0), 999).is_none());
    demo.release(&third);
    for task in 0..100 {
        here(&mut demo, &cpus(1.0), task).into_iter().for_each(|grant| demo.release(&grant));
    }
    third = here(&mut demo, &cpus(1.0), 3).expect("only the second node is reserved");
    assert_eq!(third.node, 0);
    demo.release(&third);
    // Constructors of actors start like tasks; what they hold is pinned when they begin.
    let mut second = second;
    demo.pin(&mut second);
    for task in 0..100 {
        here(&mut demo, &cpus(1.0), task).into_iter().for_each(|grant| demo.release(&grant));
    }
    let other = here(&mut demo, &cpus(1.0), 4).expect("the second node is not reserved any more");
    assert_eq!(other.node, 1, "the first one is");
    demo.release(&first);
    assert_eq!(next(&mut demo), Some(999));
}

#[test]
fn r22_what_a_running_task_awaits_passes_a_reservation() {
    let mut demo = cluster([Resources::from([("cpu", 2.0), ("license", 1.0)])]);
    let parent = Resources::from([("cpu", 1.0), ("license", 1.0)]);
    let parent = here(&mut demo, &parent, 0).unwrap();
    assert!(here(&mut demo, &Resources::from([("cpu", 1.0), ("license", 1.0)]), 999).is_none());
    for task in 0..100 {
        here(&mut demo, &cpus(1.0), task).into_iter().for_each(|grant| demo.release(&grant));
    }
    demo.lend_cpu(&parent);
    let child = demo.class(&cpus(0.5), &Placement::Anywhere).unwrap();
    assert!(demo.admit(&child, 1).is_none(), "the node is not reserved");
    demo.begin_await(&child);
    assert_eq!(next(&mut demo), Some(1));
    demo.end_await(&child);
    assert!(demo.admit(&child, 2).is_none(), "the exemption goes on");
}

#[test]
fn r22_a_lent_cpu_is_free_and_comes_back_at_once() {
    let demand = Resources::from([("cpu", 1.0), ("license", 1.0)]);
    let mut demo = cluster([demand.clone()]);
    let waiter = here(&mut demo, &demand, 1).unwrap();
    assert!(here(&mut demo, &demand, 2).is_none());
    assert!(here(&mut demo, &cpus(1.0), 3).is_none());
    demo.lend_cpu(&waiter);
    let (task, child) = demo.next().unwrap();
    assert_eq!((task, next(&mut demo)), (3, None), "the license is lent too");
    demo.reclaim_cpu(&waiter);
    assert!(here(&mut demo, &cpus(1.0), 4).is_none());
    demo.release(&child);
    assert_eq!(next(&mut demo), None, "a cpu was promised twice and came back once");
    demo.release(&waiter);
    assert_eq!(next(&mut demo), Some(2));
}

#[test]
fn r23_cancelled_entries_make_way() {
    let mut demo = cluster([cpus(2.0)]);
    let holder = here(&mut demo, &cpus(1.0), 0).unwrap();
    assert!(here(&mut demo, &cpus(2.0), -1).is_none());
    assert!(here(&mut demo, &cpus(2.0), 5).is_none());
    assert_eq!(next(&mut demo), None);
    demo.release(&holder);
    assert_eq!(next(&mut demo), Some(5));
}

#[test]
fn r22_unused_classes_are_forgotten_and_used_ones_are_not() {
    let mut demo = cluster([Resources::from([("memory", 1e9)])]);
    let held = here(&mut demo, &Resources::from([("memory", 1e9)]), 0).unwrap();
    assert!(here(&mut demo, &Resources::from([("memory", 2.0)]), 7).is_none());
    for amount in 0..10_000 {
        demo.class(&Resources::from([("memory", f64::from(amount) + 3.0)]), &Placement::Anywhere)
            .unwrap();
    }
    assert!(demo.classes.len() <= SWEEP + 2, "{} classes are kept", demo.classes.len());
    demo.release(&held);
    assert_eq!(next(&mut demo), Some(7));
}

#[test]
fn r22_a_release_looks_at_classes_and_not_at_tasks() {
    let mut demo = cluster([cpus(1.0)]);
    let mut held = here(&mut demo, &cpus(1.0), 0).unwrap();
    for task in 1..=100_000 {
        assert!(here(&mut demo, &cpus(1.0), task).is_none());
    }
    // Quadratic work would take minutes here.
    for task in 1..=100_000 {
        demo.release(&held);
        let (started, grant) = demo.next().unwrap();
        assert_eq!(started, task);
        held = grant;
    }
}
