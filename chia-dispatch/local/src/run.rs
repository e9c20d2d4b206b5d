//! A task or a constructor on its node, from its start to its outcome.

use std::sync::Arc;

use bytes::Bytes;
use chia_dispatch::{Error, Job, Place, Result, TaskContext, guarded};

use super::actor::Construction;
use super::backend::LocalBackend;
use super::cell::Cell;
use super::engine::shut_down;

/// What runs. Its cell gets an outcome however this ends, dropped by a dying runtime included.
pub(super) struct Run {
    pub(super) cell: Arc<Cell>,
    pub(super) view: Arc<LocalBackend>,
    pub(super) place: Arc<Place>,
}

impl Run {
    pub(super) async fn task(self, job: Box<Job>, context: TaskContext) {
        let host = Arc::clone(&self.view.engine().host);
        let body = guarded(|| host.run(*job, context));
        let outcome = tokio::select! {
            biased;
            outcome = body => outcome,
            _ = self.cell.wait() => return,
        };
        self.finish(outcome);
    }

    pub(super) async fn actor(self, construction: Box<Construction>, context: TaskContext) {
        let host = Arc::clone(&self.view.engine().host);
        let Construction { actor, kind, init, .. } = *construction;
        let body = guarded(|| host.actor(&kind, init, context));
        let instance = tokio::select! {
            biased;
            instance = body => instance,
            _ = self.cell.wait() => return,
        };
        match instance {
            Ok(instance) => {
                if let Some(actor) = actor.upgrade() {
                    actor.constructed(Arc::from(instance), Arc::clone(&self.view));
                }
                self.view.engine().settle(&self.cell, Ok(Bytes::new()));
            }
            Err(error) => {
                self.view.release();
                let error = self.located(error);
                // The name is free before the failure is visible.
                if let Some(actor) = actor.upgrade() {
                    actor.end(error.clone());
                }
                self.view.engine().settle(&self.cell, Err(error));
            }
        }
    }

    /// The task's resources are free before its result is visible.
    fn finish(&self, outcome: Result<Bytes>) {
        self.view.release();
        let outcome = outcome.map_err(|error| self.located(error));
        self.view.engine().settle(&self.cell, outcome);
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
            self.view.engine().settle(&self.cell, Err(shut_down()));
        }
    }
}
