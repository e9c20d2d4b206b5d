//! What can be done to a store, drawn at random.

use std::time::Duration;

use chia_cache::{Origin, Policy};
use proptest::prelude::*;

use super::plain::Item;

#[derive(Clone, Debug)]
pub(crate) enum Step {
    Write(Item),
    /// The same as `Write`, by way of a reader.
    WriteFrom(Item),
    Read(String),
    ReadInto(String),
    Has(String),
    Replay(String, &'static str),
    Evict(String),
    Clear,
    SetBudget(u64),
    /// Opening again, perhaps with another policy.
    Reopen(u64, Option<Policy>),
}

/// Few tags, so that they meet; of every sort.
fn tag() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-e]",
        1 => Just(String::new()),
        1 => Just("../../etc/passwd".to_owned()),
        1 => Just("чип/№ 7\n\0".to_owned()),
        1 => Just("long".repeat(100)),
    ]
}

/// Around the inline limit, and a few that exceed a small budget. Three contents each, so that the same value comes again.
fn value() -> impl Strategy<Value = Vec<u8>> {
    let len = prop_oneof![
        Just(0),
        Just(1),
        50..400_usize,
        Just(super::INLINE_LIMIT),
        Just(super::INLINE_LIMIT + 1),
        Just(3_000),
        Just(9_000)
    ];
    (len, 0..3_u8).prop_map(|(len, fill)| vec![fill; len])
}

pub(crate) fn budget() -> impl Strategy<Value = u64> {
    prop_oneof![Just(500), 1_000..20_000_u64, Just(100_000)]
}

fn function() -> impl Strategy<Value = &'static str> {
    prop_oneof![3 => Just("build"), 1 => Just("test")]
}

prop_compose! {
    fn item()(tag in tag(), value in value(), origin in origin(), function in function(), millis in 0..1000_u64) -> Item {
        Item { tag, value, origin, function, compute_time: Duration::from_millis(millis) }
    }
}

fn origin() -> impl Strategy<Value = Origin> {
    prop_oneof![3 => Just(Origin::Real), 1 => Just(Origin::Manual), 1 => Just(Origin::Provider), 1 => Just(Origin::File)]
}

fn policy() -> impl Strategy<Value = Policy> {
    prop_oneof![Just(Policy::Lru), Just(Policy::SavedTime)]
}

/// Any step; `policies` says whether the policy may change.
pub(crate) fn step(policies: bool) -> impl Strategy<Value = Step> {
    let policy = match policies {
        true => prop::option::weighted(0.3, policy()).boxed(),
        false => Just(None).boxed(),
    };
    prop_oneof![
        12 => item().prop_map(Step::Write),
        4 => item().prop_map(Step::WriteFrom),
        6 => tag().prop_map(Step::Read),
        2 => tag().prop_map(Step::ReadInto),
        2 => tag().prop_map(Step::Has),
        2 => (tag(), function()).prop_map(|(tag, function)| Step::Replay(tag, function)),
        2 => tag().prop_map(Step::Evict),
        1 => Just(Step::Clear),
        1 => budget().prop_map(Step::SetBudget),
        3 => (budget(), policy).prop_map(|(budget, policy)| Step::Reopen(budget, policy)),
    ]
}
