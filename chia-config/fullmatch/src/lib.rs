#![doc = include_str!("../README.md")]

mod emit;
mod error;
mod linear;
mod python;
mod set;

pub use error::{PatternError, PatternErrors};
pub use set::{Match, PatternSet};
