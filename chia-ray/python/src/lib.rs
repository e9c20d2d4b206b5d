#![doc = include_str!("../README.md")]

mod actor;
mod error;
mod facts;
mod files;
mod line;
mod pieces;
mod rules;
mod size;
mod store;

/// The module `chia_ray._native`.
#[pyo3::pymodule]
#[pyo3(name = "_native")]
mod native {
    #[pymodule_export]
    use crate::actor::Actor;
    #[pymodule_export]
    use crate::error::{CacheError, ConfigError, DispatchError};
    #[pymodule_export]
    use crate::files::FileServer;
    #[pymodule_export]
    use crate::line::Line;
    #[pymodule_export]
    use crate::rules::{Decision, Rules};
    #[pymodule_export]
    use crate::size::parse_size;
    #[pymodule_export]
    use crate::store::Store;
    #[pymodule_export]
    use crate::store::cache_init;
}
