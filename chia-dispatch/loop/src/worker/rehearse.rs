//! Rehearsed calls: they take time, hold their resources, and compute nothing.

use std::time::Duration;

use chia_dispatch::{Error, ErrorKind, Result};
use chia_services::codec;

use super::{Produced, Running};
use crate::outcome::Source;

impl Running<'_> {
    /// Waits as long as the computation is recorded to have taken, times the pace of the rule, and
    /// serves its recorded value. A function that returns nothing needs no record, if the rule
    /// states a duration.
    pub(super) async fn rehearse(&mut self) -> Result<Produced> {
        let rules = self.chia.rules();
        let rehearsal = rules.data.config.bypass(self.function).and_then(|rule| rule.rehearsal());
        let Some(rehearsal) = rehearsal.copied() else {
            return Err(Error::new(ErrorKind::Protocol, "the rules rehearse nothing here"));
        };
        let (produced, recorded) = match self.replay().await {
            Ok(produced) => {
                let recorded = produced.saved;
                (produced, (!recorded.is_zero()).then_some(recorded))
            }
            Err(miss) => (self.nothing(miss)?, None),
        };
        let wait = rehearsal.wait(recorded).ok_or_else(|| {
            let message = format!(
                "`{}` cannot be rehearsed: no compute time is recorded, and its rule states no \
                 `duration`",
                self.function
            );
            Error::new(ErrorKind::Config, message)
        })?;
        tokio::time::sleep(wait).await;
        let saved = recorded.unwrap_or_default().saturating_sub(wait);
        Ok(Produced { saved, took: produced.took + wait, ..produced })
    }

    /// The value of a function that returns nothing; the miss for any other.
    fn nothing(&self, miss: Error) -> Result<Produced> {
        let value = codec::encode(&())?;
        let body = &self.chia.registry().find_function(self.function)?.call.body;
        match body.check(&value) {
            Ok(()) => Ok(Produced::new(value, Source::Provider, Duration::ZERO)),
            Err(_) => Err(miss),
        }
    }
}
