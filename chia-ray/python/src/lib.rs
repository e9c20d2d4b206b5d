#![doc = include_str!("../README.md")]

mod actor;
mod archive;
mod decision;
mod direct;
mod entry;
mod error;
mod facts;
mod files;
mod fingerprint;
mod freshness;
mod listing;
mod pieces;
mod record;
mod rules;
mod settings;
mod size;
mod store;
mod tool;
mod view;

/// The module `chia_ray._native`.
#[pyo3::pymodule]
#[pyo3(name = "_native")]
mod native {
    #[pymodule_export]
    use crate::actor::Actor;
    #[pymodule_export]
    use crate::archive::Archive;
    #[pymodule_export]
    use crate::decision::{Decision, Explained};
    #[pymodule_export]
    use crate::direct::DirectClient;
    #[pymodule_export]
    use crate::entry::new_entry;
    #[pymodule_export]
    use crate::error::{ArchiveError, CacheError, ConfigError, DispatchError};
    #[pymodule_export]
    use crate::files::FileServer;
    #[pymodule_export]
    use crate::fingerprint::{Fingerprint, digest};
    #[pymodule_export]
    use crate::record::{RunRecord, runs_folder};
    #[pymodule_export]
    use crate::rules::Rules;
    #[pymodule_export]
    use crate::size::parse_size;
    #[pymodule_export]
    use crate::store::Store;
    #[pymodule_export]
    use crate::store::cache_init;
    #[pymodule_export]
    use crate::tool::run_tool;
    #[pymodule_export]
    use crate::view::StoreView;
}
