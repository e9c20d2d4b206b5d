//! The commands over a cache: those that look, and those that change it.

mod change;
mod export;
mod glob;
mod holder;
mod import;
mod list;
mod look;
mod show;
mod verify;

pub(crate) use change::{clear, pin, remove, resize};
pub(crate) use export::export;
pub(crate) use import::import;
pub(crate) use list::{list, usage};
pub(crate) use look::Readable;
pub(crate) use show::{show, stats};
pub(crate) use verify::verify;
