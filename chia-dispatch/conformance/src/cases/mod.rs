//! The cases, a module a group. Their names and layouts are in [`super::list`].

pub(super) mod actor_lives;
pub(super) mod actors;
pub(super) mod arguments;
pub(super) mod cancellation;
pub(super) mod crashes;
pub(super) mod drops;
pub(super) mod failures;
#[cfg(feature = "loop")]
pub(super) mod freshness;
#[cfg(feature = "loop")]
pub(super) mod loops;
pub(super) mod nesting;
pub(super) mod placement;
pub(super) mod resources;
pub(super) mod shutdown;
pub(super) mod sizes;
pub(super) mod tasks;

macro_rules! sources {
    ($($group:literal)*) => {
        /// The source of a group: what a case checks is the documentation of its function.
        pub(super) fn source(group: &str) -> &'static str {
            match group {
                $($group => include_str!(concat!($group, ".rs")),)*
                _ => "",
            }
        }
    };
}
sources!("actor_lives" "actors" "arguments" "cancellation" "crashes" "drops" "failures" "freshness" "loops" "nesting" "placement" "resources" "shutdown" "sizes" "tasks");
