//! What a case tells its tasks to do: a list of steps, sent as the task's payload.

use std::net::SocketAddr;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use chia_dispatch::backend::{
    ActorCall, ActorSpec, Concurrency, Lifetime, ObjectRef, Task, TaskOptions,
};
use chia_dispatch::{ErrorKind, Resources};

/// The entry that runs a script.
pub(crate) const SCRIPT: &str = "kit_script";
/// The entry that returns its payload, arguments and shared blob, one after the other.
pub(crate) const ECHO: &str = "kit_echo";
/// The kind of actor of the kit; its payload at the start is a script too.
pub(crate) const ACTOR: &str = "kit_actor";

/// Steps, and the board of the case that wrote them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Script {
    pub(super) board: SocketAddr,
    pub(super) steps: Vec<Step>,
}

/// One step. What is emitted is the script's result; nested objects are collected until `Get`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Step {
    Mark(String),
    Wait(String),
    Hold(String),
    Dwell { millis: u64 },
    SpinUntilCancelled(String),
    BlockUntilOpen(String),
    Emit(String),
    EmitArgs,
    EmitPlace,
    Fail { kind: ErrorKind, message: String },
    Panic(String),
    ForgetContext,
    AbortBefore { attempt: u32 },
    Allocate { mebibytes: usize },
    Submit { script: Script, resources: Resources },
    Put(String),
    Pass,
    Tell { actor: String, init: Script, text: String },
    CancelLast,
    Get,
}

/// What a task says of itself with `EmitPlace`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Seen {
    pub(crate) node: String,
    pub(crate) resources: Resources,
    pub(crate) attempt: u32,
    pub(crate) pid: u32,
}

impl Script {
    pub(crate) fn new(board: SocketAddr) -> Self {
        Self { board, steps: Vec::new() }
    }

    pub(crate) fn then(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    /// Writes a label to the board's log.
    pub(crate) fn mark(self, label: impl Into<String>) -> Self {
        self.then(Step::Mark(label.into()))
    }

    /// Writes a label to the board's log and waits until the case opens it. Not a wait in the
    /// backend: what the task holds stays held.
    pub(crate) fn wait(self, label: impl Into<String>) -> Self {
        self.then(Step::Wait(label.into()))
    }

    /// Enters, stays a little and leaves, for [`Board::peak`](super::board::Board::peak). The stay
    /// proves nothing; it makes it likely that those meet who may not.
    pub(crate) fn visit(self) -> Self {
        self.mark("+").then(Step::Dwell { millis: 3 }).mark("-")
    }

    /// Appends a text to the result.
    pub(crate) fn emit(self, text: impl Into<String>) -> Self {
        self.then(Step::Emit(text.into()))
    }

    pub(crate) fn fail(self, message: impl Into<String>) -> Self {
        self.then(Step::Fail { kind: ErrorKind::TaskFailed, message: message.into() })
    }

    pub(crate) fn panic(self, message: impl Into<String>) -> Self {
        self.then(Step::Panic(message.into()))
    }

    /// Submits a task from inside this one.
    pub(crate) fn submit(self, script: Self, resources: Resources) -> Self {
        self.then(Step::Submit { script, resources })
    }

    /// Waits for all objects of the steps before, in order, and appends their values to the result.
    pub(crate) fn get(self) -> Self {
        self.then(Step::Get)
    }

    fn encode(&self) -> Bytes {
        serde_json::to_vec(self).expect("a script has no map with keys that are no strings").into()
    }

    /// A task that runs this script and demands these resources.
    pub(crate) fn task(self, resources: Resources) -> Task {
        Task {
            entry: SCRIPT.to_owned(),
            payload: self.encode(),
            args: Vec::new(),
            shared: None,
            options: TaskOptions { resources, ..TaskOptions::default() },
        }
    }

    /// An ordered, named actor that runs this script when it is made.
    pub(crate) fn actor(self, name: &str) -> ActorSpec {
        ActorSpec {
            name: Some(name.to_owned()),
            kind: ACTOR.to_owned(),
            init: self.encode(),
            concurrency: Concurrency::Ordered,
            lifetime: Lifetime::Driver,
            restarts: 0,
            options: TaskOptions::default(),
        }
    }

    /// A call that makes the actor run this script.
    pub(crate) fn call(self) -> ActorCall {
        ActorCall { method: "script".to_owned(), payload: self.encode(), args: Vec::new() }
    }
}

/// A task that returns its payload and arguments.
pub(crate) fn echo(payload: impl Into<Bytes>, args: &[ObjectRef]) -> Task {
    Task {
        entry: ECHO.to_owned(),
        payload: payload.into(),
        args: args.to_vec(),
        shared: None,
        options: TaskOptions::default(),
    }
}

/// A call that appends a text, and the call's arguments, to what the actor remembers.
pub(crate) fn push(text: impl Into<String>) -> ActorCall {
    ActorCall { method: "push".to_owned(), payload: text.into().into(), args: Vec::new() }
}

/// A call that returns what the actor remembers, separated by spaces.
pub(crate) fn list() -> ActorCall {
    ActorCall { method: "list".to_owned(), payload: Bytes::new(), args: Vec::new() }
}
