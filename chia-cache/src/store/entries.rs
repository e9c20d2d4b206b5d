//! Going through the entries in order of their tags, a page at a time and without holding a lock.

use crate::error::Result;
use crate::facts::Facts;
use crate::index::is_damage;
use crate::live::LiveView;
use crate::store::Store;
use crate::store::inner::Inner;
use crate::sync::lock;

/// How many tags of the index a page has.
const PAGE: usize = 1024;

/// An iterator over the facts of entries, in order of their tags, from [`Store::entries`].
///
/// It holds no lock and little memory. An entry that is written or removed meanwhile is seen or not.
#[derive(Debug)]
pub struct Entries<'s> {
    store: &'s Store,
    prefix: String,
    /// The last tag of the pages so far.
    after: Option<String>,
    page: std::vec::IntoIter<String>,
    done: bool,
}

impl<'s> Entries<'s> {
    pub(crate) fn new(store: &'s Store) -> Self {
        Self {
            store,
            prefix: String::new(),
            after: None,
            page: Vec::new().into_iter(),
            done: false,
        }
    }

    /// Only entries whose tag begins with `prefix`.
    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Only entries whose tag comes after `tag`: the last one of an earlier page, say.
    #[must_use]
    pub fn after(mut self, tag: impl Into<String>) -> Self {
        self.after = Some(tag.into());
        self
    }

    fn next_tag(&mut self) -> Result<Option<String>> {
        loop {
            if let Some(tag) = self.page.next() {
                return Ok(Some(tag));
            }
            if self.done {
                return Ok(None);
            }
            let (tags, end) = self.store.inner().page(&self.prefix, self.after.as_deref())?;
            self.done = end.is_none();
            self.after = end;
            self.page = tags.into_iter();
        }
    }
}

impl Iterator for Entries<'_> {
    type Item = Result<Facts>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.next_tag().transpose()? {
                Ok(tag) => match self.store.facts(&tag) {
                    Ok(None) => {}
                    found => return found.transpose(),
                },
                Err(error) => {
                    self.done = true;
                    return Some(Err(error));
                }
            }
        }
    }
}

impl Inner {
    /// A page of tags with `prefix` after `after`, sorted, and the tag after which the next one begins;
    /// `None` if this is the last.
    pub(crate) fn page(
        &self,
        prefix: &str,
        after: Option<&str>,
    ) -> Result<(Vec<String>, Option<String>)> {
        self.check_open()?;
        loop {
            let version = lock(&self.live).version;
            let tags = match self.read_base(|base| base.page(prefix, after, PAGE)) {
                Err(e) if is_damage(&e) => {
                    self.note_damage(&e);
                    Vec::new()
                }
                page => page.map_err(|e| self.index_error("read", e))?,
            };
            let end = (tags.len() == PAGE).then(|| tags.last().cloned()).flatten();
            // In a damaged index the order may go back.
            let end = end.filter(|end| after.is_none_or(|after| after < end.as_str()));
            let live = lock(&self.live);
            // What was in a memtable then may be in a newer index now.
            if live.version == version {
                return Ok((merged(&live, tags, prefix, after, end.as_deref()), end));
            }
        }
    }

    /// All tags, sorted.
    pub(crate) fn keys(&self) -> Result<Vec<String>> {
        let (mut keys, mut end) = self.page("", None)?;
        while let Some(after) = end {
            let (tags, next) = self.page("", Some(&after))?;
            keys.extend(tags);
            end = next;
        }
        Ok(keys)
    }
}

/// The tags of a page of the index, brought up to date with the memtables.
fn merged(
    live: &LiveView,
    mut tags: Vec<String>,
    prefix: &str,
    after: Option<&str>,
    end: Option<&str>,
) -> Vec<String> {
    tags.retain(|tag| !live.overrides_base(tag));
    let wanted = |tag: &str| {
        tag.starts_with(prefix)
            && after.is_none_or(|after| tag > after)
            && end.is_none_or(|end| tag <= end)
    };
    live.each_in_memory(|tag| {
        if wanted(tag) {
            tags.push(tag.to_owned());
        }
    });
    tags.sort_unstable();
    tags.dedup();
    tags
}
