//! The conformance kit on real clusters: of one node and, where a case asks for it, of two.

use std::sync::Arc;

use async_trait::async_trait;
use chia_conformance::{Factory, Instance, Layout, Outcome, Suite};
use chia_dispatch::Result;
use libtest_mimic::{Failed, Trial};

use crate::fixture;

/// Sentences of the contract that Ray keeps in its own way, and how.
const DIFFERENT: [(&str, &str); 2] = [
    ("resources::a_big_demand_is_not_starved", OVERTAKES),
    ("resources::a_small_demand_is_not_starved", OVERTAKES),
];
const OVERTAKES: &str = "Ray gives a free worker to tasks of the same demand for a while before others \
                         get their turn: more than thirty may overtake";

struct OnRay;

#[async_trait]
impl Factory for OnRay {
    async fn start(&self, layout: Layout) -> Result<Instance> {
        let cluster = fixture::shared_cluster(layout).await?;
        Ok(Instance::new(fixture::connect(&cluster.address).await?))
    }
}

/// A test per case of the kit.
pub(crate) fn trials() -> Vec<Trial> {
    let suite = Arc::new(Suite::new(OnRay));
    let trial = |name: &'static str| {
        let suite = Arc::clone(&suite);
        let different = DIFFERENT.iter().find(|(case, _)| *case == name);
        Trial::test(format!("kit::{name}"), move || match suite.run(name) {
            Outcome::Failed(_) if different.is_some() => {
                let (_, how) = different.expect("it was found");
                eprintln!("left out kit::{name}: {how}");
                Ok(())
            }
            Outcome::Passed => Ok(()),
            Outcome::LeftOut(why) => {
                eprintln!("left out kit::{name}: {why}");
                Ok(())
            }
            Outcome::Failed(why) => {
                fixture::stop_clusters();
                Err(Failed::from(why))
            }
        })
    };
    chia_conformance::case_names().map(trial).collect()
}
