//! Is a recorded result still right? The facts of a call, compared with those of a record.

mod compare;
mod difference;
mod digest;
mod fingerprint;

pub use compare::{Comparison, Freshness};
pub use difference::Difference;
pub use digest::{Digest, ParseDigestError};
pub use fingerprint::{ArgumentPrint, Fingerprint, MAX_VALUE_CHARS};
