//! Where the record of a run goes, and what the records there say.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chia_config::Config;
use chia_dispatch::{Backend, Result};

use super::failures::recorded_failures;
use super::run::{RunRecord, header};

/// Where the record of the run goes.
pub(crate) enum RecordTo {
    /// Beside the cache, if there is one.
    Cache,
    Folder(PathBuf),
    Nowhere,
}

impl RecordTo {
    /// The folder of the records; none if the run leaves none.
    fn folder(&self, cache: Option<&Path>) -> Option<PathBuf> {
        match self {
            Self::Nowhere => None,
            Self::Folder(folder) => chia_record::runs_folder(Some(folder), cache),
            Self::Cache => chia_record::runs_folder(None, cache),
        }
    }

    /// Starts the record of the run where one is wanted.
    pub(crate) async fn open(
        &self,
        cache: Option<&Path>,
        config: &Config,
        backend: &dyn Backend,
    ) -> Result<Option<Arc<RunRecord>>> {
        let Some(folder) = self.folder(cache) else { return Ok(None) };
        let header = header(config, &backend.nodes().await?, cache);
        Ok(RunRecord::create(&folder, header).map(Arc::new))
    }

    /// What earlier runs say of failures, where a rehearsal asks for it.
    pub(crate) fn failures(
        &self,
        config: &Config,
        cache: Option<&Path>,
        quiet: bool,
    ) -> BTreeMap<String, f64> {
        let recorded = recorded_failures(config, self.folder(cache).as_deref());
        for function in &recorded.unknown {
            warn_user!(
                quiet,
                function = function.as_str(),
                "no rehearsed call of the function fails: no recorded run has run it"
            );
        }
        recorded.shares
    }
}
