//! `import`: merging entries of another cache.

use std::path::Path;
use std::time::SystemTime;

use chia_cache::{Entry, Facts, ReadOnlyStore};
use serde::Serialize;

use super::holder::Holder;
use super::look;
use crate::args::Args;
use crate::error::Result;
use crate::output::{Output, Tone, printable};
use crate::progress::Progress;
use crate::text;

/// Two values under one tag.
#[derive(Serialize)]
struct Conflict<'a> {
    tag: &'a str,
    here: Side<'a>,
    imported: Side<'a>,
    /// Which one is in the cache now.
    kept: &'static str,
}

#[derive(Serialize)]
struct Side<'a> {
    function: Option<&'a str>,
    bytes: u64,
    /// Seconds since 1970.
    created: u64,
}

/// What became of the entries that were read.
#[derive(Default, Serialize)]
struct Counts {
    imported: u64,
    same: u64,
    conflicts: u64,
    replaced: u64,
    damaged: u64,
}

/// `chia-cache import PATH`; false if there were conflicts that stay, or damaged entries.
pub(crate) fn import(args: &Args, path: &Path, replace: bool, out: &mut Output) -> Result<bool> {
    let here = look::open(&args.dir)?;
    let holder = Holder::open(args)?;
    let from = look::open(path)?;
    let progress = Progress::new("imported", from.stats().bytes);
    let (mut counts, mut bytes) = (Counts::default(), 0);
    look::pages(&from, "*", |page| {
        for facts in page {
            match from.read(&facts.tag)? {
                Some(entry) => merge(&here, &holder, entry, replace, &mut counts, out)?,
                // Its owner may have evicted it in the meantime.
                None => counts.damaged += u64::from(from.has(&facts.tag)?),
            }
            bytes += facts.size;
            progress.show(bytes);
        }
        Ok(())
    })?;
    drop(progress);
    holder.close()?;
    if out.json {
        out.object(&counts)?;
    } else {
        out.line(summary(&counts))?;
    }
    Ok(counts.conflicts == counts.replaced && counts.damaged == 0)
}

/// Compares with `here`, where reading does not count as use.
fn merge(
    here: &ReadOnlyStore,
    holder: &Holder,
    incoming: Entry,
    replace: bool,
    counts: &mut Counts,
    out: &mut Output,
) -> Result<()> {
    let Entry { value, facts, .. } = incoming;
    let Some(ours) = here.read(&facts.tag)? else {
        let stored = holder.write(&facts.tag.clone(), &value, facts.into())?.is_stored();
        counts.imported += u64::from(stored);
        return Ok(());
    };
    if ours.value == value {
        counts.same += 1;
        return Ok(());
    }
    counts.conflicts += 1;
    let replaced = replace && holder.write(&facts.tag, &value, facts.clone().into())?.is_stored();
    counts.replaced += u64::from(replaced);
    let kept = if replaced { "imported" } else { "here" };
    let (here, imported) = (side(&ours.facts), side(&facts));
    report(&Conflict { tag: &facts.tag, here, imported, kept }, out)
}

fn side(facts: &Facts) -> Side<'_> {
    let created = facts.created.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Side { function: facts.function.as_deref(), bytes: facts.size, created: created.as_secs() }
}

fn report(conflict: &Conflict<'_>, out: &mut Output) -> Result<()> {
    if out.json {
        return out.object(conflict);
    }
    let facts = |side: &Side<'_>| {
        let (function, size) = (side.function.unwrap_or("-"), text::bytes(side.bytes));
        format!("{} ({size}, {})", printable(function), chia_record::utc(side.created))
    };
    let (here, imported) = (facts(&conflict.here), facts(&conflict.imported));
    let kept = conflict.kept;
    let line =
        format!("{}: {here} here, {imported} imported; {kept} kept", printable(conflict.tag));
    let tone = if kept == "here" { Tone::Bad } else { Tone::Plain };
    let line = out.paint(&line, tone);
    out.line(line)
}

fn summary(counts: &Counts) -> String {
    let mut text = format!("{} entries imported, {} were there", counts.imported, counts.same);
    if counts.conflicts > 0 {
        text += &format!(", {} in conflict ({} replaced)", counts.conflicts, counts.replaced);
    }
    if counts.damaged > 0 {
        text += &format!(", {} damaged and left out", counts.damaged);
    }
    text
}
