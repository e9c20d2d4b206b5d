//! Warnings of the loop.

/// As `tracing::warn!`, seen by the user also where the program has no subscriber. The first argument says
/// whether the loop is quiet.
macro_rules! warn_user {
    ($quiet:expr, $($event:tt)*) => {
        chia_services::warnings::report($quiet, || tracing::warn!($($event)*))
    };
}
