//! Damage: bits that flip, and strangers in the directory.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;

use super::oracle::Value;
use super::plan::Edit;
use super::world::{Checked, DIR, Damage, Pickle, World, violation};
use crate::Origin;
use crate::log::segment::{Found, Segment};

impl World {
    /// Flips bits in a file of a random kind; a kind is a directory and the letters of a name's end.
    pub(super) fn flip(&mut self, seed: u64, bits: usize) -> Checked {
        self.at_rest()?;
        let mut rng = Rng::with_seed(seed);
        let files: Vec<_> = self.sim.files().into_iter().filter(|(_, len)| *len > 0).collect();
        let mut kinds: Vec<_> = files.iter().map(|(path, _)| kind(path)).collect();
        kinds.sort();
        kinds.dedup();
        let Some(chosen) = rng.choice(&kinds) else { return Ok(()) };
        let of_kind: Vec<_> = files.iter().filter(|(path, _)| kind(path) == *chosen).collect();
        let Some((path, _)) = rng.choice(of_kind) else { return Ok(()) };
        // A pickle of the Python original has no checksum: whatever is in it counts.
        if self.pickles.iter().any(|pickle| pickle.path == *path) {
            return Ok(());
        }
        self.expect_damage(path);
        self.damaged.push(path.clone());
        let last = self.last_record(path);
        let mut tail_hit = false;
        self.sim.damage(path, |bytes| {
            for _ in 0..bits {
                let mut at = rng.usize(..bytes.len());
                // Most of some files is zeros that are never read.
                for _ in 0..8 {
                    if bytes[at] == 0 {
                        at = rng.usize(..bytes.len());
                    }
                }
                bytes[at] ^= 1 << rng.u8(..8);
                tail_hit |= last.is_some_and(|last| at as u64 >= last);
            }
        });
        self.tail_hit |= tail_hit;
        Ok(())
    }

    /// Where the last record of a log begins.
    fn last_record(&self, path: &Path) -> Option<u64> {
        let Ok(Found::Segment(segment)) = Segment::find(&self.sim.new_process(), path) else {
            return None;
        };
        let mut last = None;
        let replayed = segment.replay(&mut |begin, _| {
            last = Some(begin);
            Ok(())
        });
        replayed.ok().and(last)
    }

    /// Damage comes while no process has the files open: what a living one reads is in its memory.
    fn at_rest(&mut self) -> Checked {
        if self.store.is_some() {
            self.die();
        }
        Ok(())
    }

    /// What may be lost when this file is damaged.
    fn expect_damage(&mut self, path: &Path) {
        if path.parent() == Some(Path::new(DIR)) {
            return self.expect_value_damage(path);
        }
        self.note_intact();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        let damage = match name.unwrap_or_default() {
            name if name.contains("lock") => Damage::None,
            name if name.contains("log") => Damage::UntilOpened,
            _ if path.parent() != Some(Path::new("/cache/.chia")) => Damage::None,
            _ => Damage::Lasting,
        };
        self.damage = self.damage.max(damage);
        if damage == Damage::UntilOpened {
            (0..self.tags.len()).for_each(|tag| self.oracle.doubt(tag));
            self.oracle.lost_records();
        }
    }

    /// The file's own entries may be lost, and no others.
    fn expect_value_damage(&mut self, path: &Path) {
        let contents = self.sim.contents(path).unwrap_or_default();
        for (tag, allowed) in self.oracle.tags.iter().enumerate() {
            let states = allowed.live.iter().chain(&allowed.crash).chain(&allowed.power);
            let mut values = states.flatten().map(|value| &*value.bytes);
            if values.any(|value| value.len() < DISTINCT || holds(&contents, value)) {
                self.oracle.lossy.insert(tag);
            }
        }
        for tag in self.oracle.lossy.clone() {
            self.oracle.doubt(tag);
        }
        self.intact.retain(|(_, value)| !holds(&contents, value));
    }

    /// Remembers values that surely lie whole in a file: damage elsewhere is no reason to delete them.
    fn note_intact(&mut self) {
        let limit = self.profile.inline_limit.max(16);
        let large = self.oracle.tags.iter().enumerate().filter_map(|(tag, allowed)| {
            let value = allowed.surely().filter(|value| value.bytes.len() > limit)?;
            Some((tag, Arc::clone(&value.bytes)))
        });
        self.intact = large.take(64).filter(|(_, value)| self.sim.holds(value)).collect();
    }

    pub(super) fn check_intact(&mut self) -> Checked {
        let intact = std::mem::take(&mut self.intact);
        if self.store.as_ref().is_some_and(|store| store.open_report().evicted > 0) {
            // Which of them had to go to make room is not known.
            return Ok(());
        }
        for (tag, value) in intact {
            let same = self.oracle.tags[tag].surely().is_some_and(|now| now.bytes == value);
            if same && !self.sim.holds(&value) {
                let what = format!("{:?}, {} bytes", self.tags[tag], value.len());
                let what =
                    format!("{what}; {:?}", self.store.as_ref().map(crate::Store::open_report));
                return violation("an intact file was deleted", what);
            }
        }
        Ok(())
    }

    pub(super) fn stranger(&mut self, edit: Edit, seed: u64) -> Checked {
        let mut rng = Rng::with_seed(seed);
        let files = self.sim.files();
        let in_dir = files.iter().filter(|(path, _)| path.parent() == Some(Path::new(DIR)));
        let value = rng.choice(in_dir.collect::<Vec<_>>()).map(|(path, len)| (path.clone(), *len));
        match (edit, value) {
            (Edit::Delete, Some((path, _))) => {
                self.expect_value_damage(&path);
                self.sim.delete(&path);
            }
            (Edit::Rewrite, Some((path, len))) => {
                self.expect_value_damage(&path);
                let len = if rng.bool() { len as usize } else { rng.usize(..=len as usize) };
                self.sim.put(&path, (0..len).map(|_| rng.u8(..)).collect());
            }
            (Edit::AddPickle { tag, size }, _) => {
                let path = Path::new(DIR).join(format!("stranger{}.pkl", self.version));
                self.put_pickle(path, tag, size);
            }
            (Edit::RewritePickle { size }, _) => {
                let Some(old) = rng.choice(&self.pickles).cloned() else { return Ok(()) };
                if self.sim.contents(&old.path).is_some() {
                    self.expect_value_damage(&old.path);
                    let tag = old.tag;
                    self.put_pickle(old.path, tag, size);
                    // Read anew at the next look at it.
                    let value = self.pickles.last().map(Pickle::value);
                    self.oracle.attempt(tag, &value);
                }
            }
            (Edit::LoseIndex, _) => {
                self.at_rest()?;
                let index = files.iter().map(|(path, _)| path).filter(|path| {
                    path.parent() == Some(Path::new("/cache/.chia"))
                        && path.to_string_lossy().contains("index")
                });
                self.note_intact();
                self.damage = self.damage.max(Damage::UntilOpened);
                index.for_each(|path| self.sim.delete(path));
            }
            (Edit::Delete | Edit::Rewrite, None) => {}
        }
        Ok(())
    }

    fn put_pickle(&mut self, path: PathBuf, tag: usize, size: usize) {
        self.version += 1;
        let payload: Arc<[u8]> = format!("stranger {} ", self.version)
            .into_bytes()
            .into_iter()
            .chain(std::iter::repeat(b'.'))
            .take(size.max(24))
            .collect();
        if !self.sim.put(&path, pickle(&self.tags[tag], &payload)) {
            return;
        }
        self.pickles.retain(|old| old.path != path);
        self.pickles.push(Pickle { path, tag, payload, version: self.version });
    }

    /// A pickle may become the entry of a tag that has none, or an older one.
    pub(super) fn expect_pickles(&mut self) {
        for pickle in &self.pickles {
            let free = self.oracle.tags[pickle.tag].may_be_absent()
                || self.oracle.tags[pickle.tag].live.len() > 1
                || pickle.version > self.oracle.stored[pickle.tag]
                || self.oracle.lossy.contains(&pickle.tag)
                || self.damage != Damage::None;
            if free && self.sim.contents(&pickle.path).is_some() {
                self.oracle.tags[pickle.tag].live.push(Some(pickle.value()));
            }
        }
    }

    pub(super) fn forget_lost_pickles(&mut self) {
        let sim = &self.sim;
        self.pickles.retain(|pickle| sim.contents(&pickle.path).is_some());
    }
}

impl Pickle {
    fn value(&self) -> Value {
        let bytes = Arc::clone(&self.payload);
        Value {
            bytes,
            origin: Origin::Manual,
            function: None,
            foreign: true,
            pinned: None,
            ttl: None,
            expires: None,
            compute_time: Duration::ZERO,
        }
    }
}

/// Shorter values cannot be distinguished from others.
const DISTINCT: usize = 8;

fn kind(path: &Path) -> (PathBuf, String) {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let end = name.rsplit(['.', '-']).find(|part| part.chars().any(|c| c.is_ascii_alphabetic()));
    let end = if name.contains("log") { "log".to_owned() } else { end.unwrap_or("").to_owned() };
    (path.parent().map(Path::to_owned).unwrap_or_default(), end)
}

fn holds(contents: &[u8], value: &[u8]) -> bool {
    value.len() >= DISTINCT && contents.windows(value.len()).any(|part| part == value)
}

/// What Python's `pickle.dumps((tag, payload), 3)` comes to.
fn pickle(tag: &str, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x80, 3, b'X'];
    bytes.extend_from_slice(&(tag.len() as u32).to_le_bytes());
    bytes.extend_from_slice(tag.as_bytes());
    bytes.push(b'B');
    bytes.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    bytes.extend_from_slice(payload);
    bytes.extend_from_slice(&[0x86, b'.']);
    bytes
}
