//! The conformance kit on real clusters: of one node and, where a case asks for it, of two.

use std::sync::Arc;

use async_trait::async_trait;
use chia_dispatch::Result;
use chia_dispatch::conformance::{self, Factory, Instance, Layout, Outcome, Suite};
use libtest_mimic::{Failed, Trial};

use crate::fixture;

struct OnRay;

#[async_trait]
impl Factory for OnRay {
    async fn start(&self, layout: Layout) -> Result<Instance> {
        let address = tokio::task::spawn_blocking(move || fixture::shared_cluster(layout)).await;
        let address = address.expect("starting a cluster does not panic")?;
        Ok(Instance::new(fixture::connect(&address).await?))
    }
}

/// A test per case of the kit.
pub(crate) fn trials() -> Vec<Trial> {
    let suite = Arc::new(Suite::new(OnRay));
    let trial = |name: &'static str| {
        let suite = Arc::clone(&suite);
        Trial::test(format!("kit::{name}"), move || match suite.run(name) {
            Outcome::Passed => Ok(()),
            Outcome::LeftOut(why) => {
                eprintln!("left out kit::{name}: {why}");
                Ok(())
            }
            Outcome::Failed(why) => Err(Failed::from(why)),
        })
    };
    conformance::case_names().map(trial).collect()
}
