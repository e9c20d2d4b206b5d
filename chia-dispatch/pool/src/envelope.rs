//! What the worker's side must know of a submission beyond what a [`Host`](chia_dispatch::Host) is told: how
//! often to try again. It travels with the entry's name, and with the actor's first blob.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use chia_dispatch::backend::{ActorSpec, Task};
use chia_dispatch::{Error, ErrorKind, Result};

pub(super) fn seal_task(mut task: Task) -> Task {
    if task.options.name.is_empty() {
        task.options.name.clone_from(&task.entry);
    }
    task.entry = format!("{} {}", task.options.retries, task.entry);
    task
}

/// The retries and the entry of a sealed task.
pub(super) fn open_task(entry: &str) -> Result<(u32, &str)> {
    let (retries, entry) = entry.split_once(' ').ok_or_else(unsealed)?;
    Ok((retries.parse().map_err(|_| unsealed())?, entry))
}

pub(super) fn seal_actor(mut spec: ActorSpec) -> ActorSpec {
    let name = spec.name.as_deref().unwrap_or_default();
    let mut sealed = BytesMut::with_capacity(12 + name.len() + spec.init.len());
    sealed.put_u32_le(spec.restarts);
    sealed.put_u64_le(name.len() as u64);
    sealed.put_slice(name.as_bytes());
    sealed.put_slice(&spec.init);
    spec.init = sealed.freeze();
    spec
}

/// What a sealed actor's first blob holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct OpenActor {
    pub(super) restarts: u32,
    /// Empty for one without a name.
    pub(super) name: String,
    pub(super) init: Bytes,
}

pub(super) fn open_actor(mut sealed: Bytes) -> Result<OpenActor> {
    let restarts = sealed.try_get_u32_le().map_err(|_| unsealed())?;
    let length = sealed.try_get_u64_le().map_err(|_| unsealed())?;
    let length = usize::try_from(length).ok().filter(|length| *length <= sealed.len());
    let name = sealed.split_to(length.ok_or_else(unsealed)?);
    let name = String::from_utf8(name.into()).map_err(|_| unsealed())?;
    Ok(OpenActor { restarts, name, init: sealed })
}

fn unsealed() -> Error {
    Error::new(ErrorKind::Protocol, "a submission that did not come through the pool")
}

#[cfg(test)]
mod tests {
    use super::*;
    use chia_dispatch::backend::{Concurrency, Lifetime, TaskOptions};

    #[test]
    fn what_is_sealed_is_opened() {
        assert_eq!(open_task("3 an entry").unwrap(), (3, "an entry"));
        let spec = ActorSpec {
            name: Some("näme".into()),
            kind: "kind".into(),
            init: Bytes::from_static(b"init"),
            concurrency: Concurrency::Ordered,
            lifetime: Lifetime::Driver,
            restarts: u32::MAX,
            options: TaskOptions::default(),
        };
        let opened = open_actor(seal_actor(spec).init).unwrap();
        let name = "näme".to_owned();
        assert_eq!(opened, OpenActor { restarts: u32::MAX, name, init: "init".into() });
    }

    #[test]
    fn what_was_not_sealed_is_refused() {
        for entry in ["", "entry", "x entry", "-1 entry"] {
            assert_eq!(open_task(entry).unwrap_err().kind(), ErrorKind::Protocol, "{entry}");
        }
        for blob in [&b"abc"[..], &[0, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255]] {
            assert!(open_actor(Bytes::copy_from_slice(blob)).is_err());
        }
    }
}
