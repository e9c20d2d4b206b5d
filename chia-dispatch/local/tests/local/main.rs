//! The in-process backend, where it promises more than the contract that the conformance kit checks.

mod blocking;
mod deadlock;
mod lives;
mod programs;
mod start;
mod waits;
