//! Functions, providers and conditions that are declared by attribute, collected over the whole program.
//!
//! `inventory` collects them, with a constructor that runs before `main`. `linkme` would do with a section
//! of the binary, which linkers are free to drop: elements of other crates were lost on macOS
//! (<https://github.com/dtolnay/linkme/issues/61>), and newer linkers need a flag of their own
//! (<https://github.com/dtolnay/linkme/pull/91>). A lost registration would show as a call that fails on
//! a worker. Neither sees a library that the program does not refer to at all: it is not linked.

pub use inventory::submit;

use crate::registry::Registry;

/// One declaration of the program.
pub struct Registration(fn(Registry) -> Registry);

impl Registration {
    /// A declaration, by what registers it.
    #[must_use]
    pub const fn new(register: fn(Registry) -> Registry) -> Self {
        Self(register)
    }
}

inventory::collect!(Registration);

impl Registry {
    /// All that this program declares by attribute, in its libraries as well:
    /// [`function`](macro@crate::function), [`provider`](macro@crate::provider) and
    /// [`condition`](macro@crate::condition).
    ///
    /// A library whose items the program never uses is not linked, and declares nothing: refer to one
    /// of its items, or register by hand.
    ///
    /// ```
    /// use chia_loop::Registry;
    ///
    /// #[chia_loop::function(cpu = 0.5)]
    /// fn word_count(text: String) -> usize {
    ///     text.split_whitespace().count()
    /// }
    ///
    /// assert!(Registry::collect().function_names().any(|name| name == WORD_COUNT.name()));
    /// ```
    ///
    /// # Panics
    /// When two functions have one name, or two providers, or two conditions.
    #[must_use]
    pub fn collect() -> Self {
        let registrations = inventory::iter::<Registration>.into_iter();
        registrations.fold(Self::new(), |registry, registration| (registration.0)(registry))
    }
}
