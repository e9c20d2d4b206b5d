//! The benchmarks: `cargo xtask bench [GROUP…]`.
//!
//! A group is a module with one function that takes a [`Report`] and adds [`Figure`]s to it; the
//! table in [`groups`] names it. A figure sets ours beside a reference that was measured in turns
//! with it, in the same run ([`timing`]), so that the ratio holds on a busy machine too.
//!
//! ```
//! use chia_bench::{Aim, Figure, Output, Report, timing};
//!
//! let mut report = Report::new(Output::Table);
//! report.begin("sums", "two ways to add");
//! let numbers: Vec<u64> = (0..100).collect();
//! let (ours, reference) = timing::compare(
//!     || numbers.iter().sum::<u64>(),
//!     || numbers.iter().fold(0, |sum, n| sum + n),
//! );
//! report.add(Figure::versus("100 numbers", "ns", ours, reference).aim(Aim::RatioAtMost(1000.0)));
//! ```

pub mod cache;
pub mod dispatch;
pub mod eviction;
pub mod figure;
pub mod groups;
pub mod look;
pub mod machine;
pub mod python;
pub mod ray;
pub mod record;
pub mod report;
pub mod rules;
pub mod timing;

pub use figure::{Aim, Figure};
pub use report::{Output, Report};
