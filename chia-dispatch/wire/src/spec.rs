//! The parts of frames that are JSON: options, places, nodes and errors.

use std::collections::BTreeMap;

use bytes::Bytes;
use chia_dispatch::backend::{ActorSpec, Concurrency, Lifetime, Node, Placement, TaskOptions};
use chia_dispatch::{Error, ErrorKind, Resources, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::frame::protocol;

/// [`TaskOptions`] as JSON. Equal options are equal bytes, so that a peer may cache by them.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Options {
    name: String,
    resources: Amounts,
    retries: u32,
    placement: Placement,
    runtime_env: Option<String>,
}

/// Resources as a JSON object of numbers, by name.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(try_from = "BTreeMap<String, f64>", into = "BTreeMap<String, f64>")]
pub(crate) struct Amounts(Resources);

impl From<&Resources> for Amounts {
    fn from(resources: &Resources) -> Self {
        Self(resources.clone())
    }
}

impl From<Amounts> for Resources {
    fn from(amounts: Amounts) -> Self {
        amounts.0
    }
}

impl From<Amounts> for BTreeMap<String, f64> {
    fn from(amounts: Amounts) -> Self {
        amounts.0.iter().map(|(name, amount)| (name.to_owned(), amount.get())).collect()
    }
}

impl TryFrom<BTreeMap<String, f64>> for Amounts {
    type Error = Error;

    fn try_from(amounts: BTreeMap<String, f64>) -> Result<Self> {
        let mut amounts = amounts.into_iter();
        amounts
            .try_fold(Resources::none(), |set, (name, amount)| set.try_with(name, amount))
            .map(Self)
    }
}

impl Options {
    /// Options with the display name filled in.
    pub(crate) fn new(options: &TaskOptions, entry: &str) -> Self {
        let name = if options.name.is_empty() { entry } else { &options.name };
        Self {
            name: name.to_owned(),
            resources: Amounts::from(&options.resources),
            retries: options.retries,
            placement: options.placement.clone(),
            runtime_env: options.runtime_env.clone(),
        }
    }
}

impl From<Options> for TaskOptions {
    fn from(options: Options) -> Self {
        Self {
            name: options.name,
            resources: options.resources.into(),
            retries: options.retries,
            placement: options.placement,
            runtime_env: options.runtime_env,
        }
    }
}

/// [`ActorSpec`] as JSON, without the blob for its constructor.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Actor {
    name: Option<String>,
    kind: String,
    /// How many calls overlap; 0 for an ordered actor.
    concurrent: u32,
    detached: bool,
    restarts: u32,
    options: Options,
}

impl Actor {
    pub(crate) fn new(spec: &ActorSpec) -> Self {
        Self {
            name: spec.name.clone(),
            kind: spec.kind.clone(),
            concurrent: match spec.concurrency {
                Concurrency::Ordered => 0,
                Concurrency::Concurrent(calls) => calls.max(1),
            },
            detached: spec.lifetime == Lifetime::Detached,
            restarts: spec.restarts,
            options: Options::new(&spec.options, &spec.kind),
        }
    }

    pub(crate) fn into_spec(self, init: Bytes) -> ActorSpec {
        ActorSpec {
            name: self.name,
            kind: self.kind,
            init,
            concurrency: match self.concurrent {
                0 => Concurrency::Ordered,
                calls => Concurrency::Concurrent(calls),
            },
            lifetime: if self.detached { Lifetime::Detached } else { Lifetime::Driver },
            restarts: self.restarts,
            options: self.options.into(),
        }
    }
}

/// [`Node`] as JSON.
#[derive(Debug, Serialize, Deserialize)]
struct NodeForm {
    id: String,
    name: String,
    capacity: Amounts,
    alive: bool,
}

pub(crate) fn nodes_to_json(nodes: &[Node]) -> Vec<u8> {
    let form = |node: &Node| NodeForm {
        id: node.id.clone(),
        name: node.name.clone(),
        capacity: Amounts::from(&node.capacity),
        alive: node.alive,
    };
    to_json(&nodes.iter().map(form).collect::<Vec<_>>())
}

pub(crate) fn nodes_from_json(bytes: &[u8]) -> Result<Vec<Node>> {
    let forms: Vec<NodeForm> = from_json(bytes)?;
    let node = |form: NodeForm| Node {
        id: form.id,
        name: form.name,
        capacity: form.capacity.into(),
        alive: form.alive,
    };
    Ok(forms.into_iter().map(node).collect())
}

/// The id of the node that leads the cluster, where the list of nodes marks one.
pub(crate) fn head_from_json(bytes: &[u8]) -> Result<Option<String>> {
    #[derive(Deserialize)]
    struct Marked {
        id: String,
        #[serde(default)]
        head: bool,
    }
    let marked: Vec<Marked> = from_json(bytes)?;
    Ok(marked.into_iter().find(|node| node.head).map(|node| node.id))
}

/// The JSON of a value of ours.
pub(crate) fn to_json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("our forms have text keys and finite numbers")
}

/// A value from JSON that a peer sent.
pub(crate) fn from_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    serde_json::from_slice(bytes)
        .map_err(|error| protocol("malformed JSON".into()).with_source(error))
}

/// The error that a peer sent.
pub(crate) fn error(body: &[u8]) -> Error {
    from_json(body).unwrap_or_else(|error: Error| {
        Error::new(ErrorKind::Protocol, "the peer sent an error that cannot be read")
            .with_source(error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> TaskOptions {
        TaskOptions {
            name: "add [iter0]".into(),
            resources: Resources::from([("cpu", 0.5), ("adder", 1.0)]),
            retries: 2,
            placement: Placement::Node { id: "n1".into(), soft: true },
            runtime_env: Some("{}".into()),
        }
    }

    #[test]
    fn options_come_back_as_they_were() {
        let json = to_json(&Options::new(&options(), "add"));
        assert_eq!(TaskOptions::from(from_json::<Options>(&json).unwrap()), options());
        let text = String::from_utf8(json).unwrap();
        assert!(text.contains(r#""resources":{"adder":1.0,"cpu":0.5}"#), "{text}");
    }

    #[test]
    fn an_amount_below_zero_is_refused() {
        assert!(from_json::<Amounts>(br#"{"cpu": 1.5}"#).is_ok());
        let error = from_json::<Amounts>(br#"{"cpu": -1}"#).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol);
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        assert!(cause.unwrap_or_default().contains("`cpu`: -1 is no amount"), "{error:?}");
    }

    #[test]
    fn an_empty_name_becomes_the_entry() {
        let unnamed = TaskOptions::default();
        assert_eq!(TaskOptions::from(Options::new(&unnamed, "add")).name, "add");
    }

    #[test]
    fn actors_come_back_as_they_were() {
        let spec = ActorSpec {
            name: Some("cache".into()),
            kind: "chia.cache".into(),
            init: Bytes::from_static(b"init"),
            concurrency: Concurrency::Concurrent(8),
            lifetime: Lifetime::Detached,
            restarts: u32::MAX,
            options: options(),
        };
        let json = to_json(&Actor::new(&spec));
        let back = from_json::<Actor>(&json).unwrap().into_spec(spec.init.clone());
        assert_eq!(format!("{back:?}"), format!("{spec:?}"));
    }

    #[test]
    fn nodes_come_back_and_nonsense_is_an_error() {
        let capacity = Resources::from([("cpu", 2.0), ("adder", 8.0)]);
        let nodes = [Node { id: "a".into(), name: "host".into(), capacity, alive: true }];
        assert_eq!(nodes_from_json(&nodes_to_json(&nodes)).unwrap(), nodes);
        assert_eq!(nodes_from_json(b"[{}]").unwrap_err().kind(), ErrorKind::Protocol);
    }
}
