//! YAML text → a small tree whose every node knows its place.
//!
//! Deserialising through serde would lose the places of values, which the reports need;
//! so the tree is built from parser events.

mod build;
mod merge;
mod node;
mod scalar;

pub(crate) use build::parse;
pub(crate) use merge::{Entry, Merger};
pub(crate) use node::{Kind, Node};
