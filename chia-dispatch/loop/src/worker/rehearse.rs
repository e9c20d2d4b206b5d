//! Rehearsed calls: they take time, hold their resources, and compute nothing.

use std::time::Duration;

use chia_config::Failures;
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
        if self.fails(rehearsal.failures()) {
            let wait = rehearsal.wait(None).unwrap_or_default();
            tokio::time::sleep(wait).await;
            let message = "the rehearsal lets this call fail, as `failures` in its rule asks";
            return Err(Error::new(ErrorKind::TaskFailed, message));
        }
        let (produced, recorded) = match self.replay_recorded().await {
            Ok(replayed) => replayed,
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

    /// Whether the call is one of those that fail: the same ones in every rehearsal.
    fn fails(&self, failures: Failures) -> bool {
        let share = match failures {
            Failures::None => return false,
            Failures::Share(share) => share,
            Failures::Recorded => {
                self.chia.rules().data.failures.get(self.function).copied().unwrap_or_default()
            }
        };
        let call = match &self.tag {
            Some(tag) => tag.to_string(),
            None => self.envelope.serial.to_string(),
        };
        let hash = twox_hash::XxHash3_64::oneshot(format!("{}\0{call}", self.function).as_bytes());
        (hash as f64) < share * u64::MAX as f64
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
