//! A task or a constructor on its node, from its start to its outcome.

use std::sync::Arc;

use bytes::Bytes;
use chia_dispatch::{Error, Job, Place, Result, TaskContext, guarded};

use super::{Engine, Lease};
use crate::state::{Cell, Construction, shut_down};

/// What runs. Its cell gets an outcome however this ends, dropped by a dying runtime included.
pub(crate) struct Run {
    pub(crate) engine: Arc<Engine>,
    pub(crate) cell: Arc<Cell>,
    pub(crate) lease: Arc<Lease>,
    pub(crate) place: Arc<Place>,
}

impl Run {
    pub(crate) async fn task(self, job: Box<Job>, context: TaskContext) {
        let host = Arc::clone(&self.engine.host);
        let body = guarded(|| host.run(*job, context));
        let outcome = tokio::select! {
            biased;
            outcome = body => outcome,
            _ = self.cell.wait() => return,
        };
        self.finish(outcome);
    }

    pub(crate) async fn actor(self, construction: Box<Construction>, context: TaskContext) {
        let host = Arc::clone(&self.engine.host);
        let Construction { actor, kind, init, .. } = *construction;
        let body = guarded(|| host.actor(&kind, init, context));
        let instance = tokio::select! {
            biased;
            instance = body => instance,
            _ = self.cell.wait() => return,
        };
        match instance {
            Ok(instance) => {
                if let Some(actor) = self.engine.actors.living(actor) {
                    actor.constructed(Arc::from(instance), Arc::clone(&self.lease));
                }
                self.engine.settle(&self.cell, Ok(Bytes::new()));
            }
            Err(error) => {
                self.lease.release();
                let error = self.located(error);
                // The name is free before the failure is visible.
                if let Some(actor) = self.engine.actors.living(actor) {
                    actor.end(error.clone());
                }
                self.engine.settle(&self.cell, Err(error));
            }
        }
    }

    /// The task's resources are free before its result is visible.
    fn finish(&self, outcome: Result<Bytes>) {
        self.lease.release();
        let outcome = outcome.map_err(|error| self.located(error));
        self.engine.settle(&self.cell, outcome);
    }

    /// The error with where it happened, unless it was somewhere further down.
    fn located(&self, error: Error) -> Error {
        match error.function() {
            None => error.in_function(&self.cell.name).on_node(&self.place.node),
            Some(_) => error,
        }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if self.cell.outcome().is_none() {
            self.engine.settle(&self.cell, Err(shut_down()));
        }
    }
}
