//! A shared or boxed backend is a backend.

#![deny(clippy::missing_trait_methods)]

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use super::{ActorCall, ActorRef, ActorSpec, Backend, Capabilities, Node, ObjectRef, Task};
use crate::error::Result;

macro_rules! forward {
    ($pointer:ident) => {
        #[async_trait]
        impl<T: Backend + ?Sized> Backend for $pointer<T> {
            fn name(&self) -> &str {
                (**self).name()
            }

            fn capabilities(&self) -> Capabilities {
                (**self).capabilities()
            }

            async fn submit(&self, task: Task) -> Result<ObjectRef> {
                (**self).submit(task).await
            }

            async fn put(&self, value: Bytes) -> Result<ObjectRef> {
                (**self).put(value).await
            }

            async fn get(&self, object: &ObjectRef) -> Result<Bytes> {
                (**self).get(object).await
            }

            async fn is_ready(&self, object: &ObjectRef) -> Result<bool> {
                (**self).is_ready(object).await
            }

            async fn cancel(&self, object: &ObjectRef) -> Result<()> {
                (**self).cancel(object).await
            }

            async fn actor(&self, spec: ActorSpec) -> Result<ActorRef> {
                (**self).actor(spec).await
            }

            async fn find_actor(&self, name: &str) -> Result<Option<ActorRef>> {
                (**self).find_actor(name).await
            }

            async fn call_actor(&self, actor: &ActorRef, call: ActorCall) -> Result<ObjectRef> {
                (**self).call_actor(actor, call).await
            }

            async fn kill_actor(&self, actor: &ActorRef) -> Result<()> {
                (**self).kill_actor(actor).await
            }

            async fn nodes(&self) -> Result<Vec<Node>> {
                (**self).nodes().await
            }

            async fn shutdown(&self) -> Result<()> {
                (**self).shutdown().await
            }
        }
    };
}

forward!(Arc);
forward!(Box);
