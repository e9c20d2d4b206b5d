//! Providers and conditions: what a loop may put in a function's place, and when.

use std::fmt;

use super::args::Arguments;
use super::body::{Body, IntoBody};
use super::site::Site;

/// A provider: what returns a value in place of a function with parameters `A` and result `R`.
///
/// It runs on the worker, dispatched as the real call would have been, and gets the [`Site`] of the
/// call (tag, data path, capture) and the call's arguments.
///
/// ```
/// use chia_loop::{Provider, Site};
///
/// fn forty_two(_site: Site, _args: (i64, i64)) -> i64 {
///     42
/// }
///
/// static FORTY_TWO: Provider<(i64, i64), i64> = Provider::new("forty_two", &forty_two);
/// ```
pub struct Provider<A: 'static, R: 'static> {
    name: &'static str,
    body: Body<(Site, A), R>,
}

impl<A: 'static, R: 'static> Provider<A, R> {
    /// A provider of a name and a body: any function or non-capturing closure over
    /// `(Site, A)`, sync or async, returning `R` or a `Result` of it.
    pub const fn new<F: IntoBody<(Site, A), R, M> + Send, M: 'static>(
        name: &'static str,
        body: &'static F,
    ) -> Self {
        Self { name, body: Body::new(body) }
    }

    /// The provider's name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) fn body(&self) -> Body<(Site, A), R> {
        self.body
    }
}

impl<A, R> fmt::Debug for Provider<A, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Provider({})", self.name)
    }
}

/// A condition: the last gate before a call is replaced, for a function with parameters `A`.
///
/// It runs on the caller and gets the [`Site`] and the arguments as [`Shown`](super::Shown): a
/// pending result is shown as pending. Its error fails the call.
///
/// ```
/// use chia_loop::{Condition, Error, Shown, Site};
///
/// async fn cache_hit(site: Site, _args: (Shown<i64>, Shown<i64>)) -> Result<bool, Error> {
///     match (site.cache(), site.tag()) {
///         (Some(cache), Some(tag)) => cache.has(tag).await,
///         _ => Ok(false),
///     }
/// }
///
/// static CACHE_HIT: Condition<(i64, i64)> = Condition::new("cache_hit", &cache_hit);
/// ```
pub struct Condition<A: Arguments> {
    name: &'static str,
    body: Body<(Site, A::Shown), bool>,
}

impl<A: Arguments> Condition<A> {
    /// A condition of a name and a body: any function or non-capturing closure over `(Site, A::Shown)`,
    /// sync or async, returning `bool` or a `Result` of it.
    pub const fn new<F: IntoBody<(Site, A::Shown), bool, M> + Send, M: 'static>(
        name: &'static str,
        body: &'static F,
    ) -> Self {
        Self { name, body: Body::new(body) }
    }

    /// The condition's name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) fn body(&self) -> Body<(Site, A::Shown), bool> {
        self.body
    }
}

impl<A: Arguments> fmt::Debug for Condition<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Condition({})", self.name)
    }
}
