#![doc = include_str!("../README.md")]

mod contents;
mod entry;
mod error;
mod hashes;
mod limits;
mod pack;
mod packed;
mod read;
mod source;
mod stage;
mod tar_header;
mod unpack;
mod values;
mod walk;

pub use contents::{Contents, Digest, Kind};
pub use error::{Error, ErrorKind, Result};
pub use hashes::Hashes;
pub use limits::Limits;
pub use pack::pack;
pub use unpack::unpack;
pub use values::{Directory, File, contents_of};
