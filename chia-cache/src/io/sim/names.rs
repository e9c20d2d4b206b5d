//! The names of files, live and durable.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::path::{Path, PathBuf};

use super::fault::Loss;

/// A change of names that was not synced. A rename is one change: no crash leaves half of it.
#[derive(Clone, Debug)]
pub(super) struct NameChange {
    gone: Option<PathBuf>,
    new: Option<(PathBuf, u64)>,
}

impl NameChange {
    /// Whether a sync of the directory makes it durable: of a rename, that of either one, since what comes
    /// after it in the directory that it left does not become durable before it.
    pub(super) fn is_in(&self, dir: &Path) -> bool {
        let new = self.new.as_ref().map(|(path, _)| path);
        new.into_iter().chain(&self.gone).any(|path| path.parent() == Some(dir))
    }

    fn apply(&self, names: &mut BTreeMap<PathBuf, u64>) {
        if let Some(gone) = &self.gone {
            names.remove(gone);
        }
        if let Some((path, inode)) = &self.new {
            names.insert(path.clone(), *inode);
        }
    }
}

#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    live: BTreeMap<PathBuf, u64>,
    durable: BTreeMap<PathBuf, u64>,
    pending: Vec<NameChange>,
}

impl Names {
    pub(super) fn get(&self, path: &Path) -> Option<u64> {
        self.live.get(path).copied()
    }

    pub(super) fn live(&self) -> impl Iterator<Item = (&PathBuf, u64)> {
        self.live.iter().map(|(path, inode)| (path, *inode))
    }

    /// Every inode that has a name, or had one or will have one after a power loss.
    pub(super) fn reachable(&self) -> impl Iterator<Item = u64> {
        let pending = self.pending.iter().filter_map(|change| Some(change.new.as_ref()?.1));
        self.live.values().chain(self.durable.values()).copied().chain(pending)
    }

    pub(super) fn list(&self, dir: &Path) -> Vec<PathBuf> {
        let below = self
            .live
            .range::<Path, _>((Bound::Included(dir), Bound::Unbounded))
            .map(|(path, _)| path);
        let below = below.take_while(|path| path.starts_with(dir));
        below.filter(|path| path.parent() == Some(dir)).cloned().collect()
    }

    pub(super) fn change(&mut self, gone: Option<&Path>, new: Option<(&Path, u64)>) {
        let new = new.map(|(path, inode)| (path.to_owned(), inode));
        let change = NameChange { gone: gone.map(Path::to_owned), new };
        change.apply(&mut self.live);
        self.pending.push(change);
    }

    pub(super) fn sync(&mut self, which: impl Fn(&NameChange) -> bool) {
        let mut pending: Vec<NameChange> = Vec::new();
        for change in std::mem::take(&mut self.pending) {
            if !which(&change) {
                pending.push(change);
                continue;
            }
            change.apply(&mut self.durable);
            // A name that is durably gone is not created by what came before, in another directory.
            if let Some(gone) = &change.gone {
                pending.retain(|earlier| earlier.new.as_ref().is_none_or(|(path, _)| path != gone));
            }
        }
        self.pending = pending;
    }

    pub(super) fn lose_power(&mut self, loss: Loss, coin: &mut fastrand::Rng) {
        // Either a journal that ends somewhere, or blocks that went to the disk in any order.
        let in_order = coin.bool();
        let prefix = coin.usize(..=self.pending.len());
        for (at, change) in std::mem::take(&mut self.pending).into_iter().enumerate() {
            let stays = match loss {
                Loss::Random(_) if in_order => at < prefix,
                Loss::Random(_) => coin.bool(),
                _ => loss == Loss::Contents,
            };
            if stays {
                change.apply(&mut self.durable);
            }
        }
        self.live = self.durable.clone();
    }
}
