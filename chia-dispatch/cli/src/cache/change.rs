//! The commands that change a cache. A living owner does it for them, else they own it meanwhile.

use std::io::{self, IsTerminal, Write};

use chia_cache::ByteSize;

use super::holder::Holder;
use super::look;
use crate::args::Args;
use crate::error::{Error, Result};
use crate::output::Output;
use crate::text;

/// `chia-cache rm PATTERN`; false if nothing matches.
pub(crate) fn remove(args: &Args, pattern: &str, out: &mut Output) -> Result<bool> {
    let removed = each(args, pattern, Holder::remove)?;
    out.line(format!("{removed} entries removed"))?;
    Ok(removed > 0)
}

/// `chia-cache pin PATTERN` and `unpin`; false if nothing matches.
pub(crate) fn pin(args: &Args, pattern: &str, pinned: bool, out: &mut Output) -> Result<bool> {
    let changed = each(args, pattern, |holder, tag| holder.pin(tag, pinned))?;
    out.line(format!("{changed} entries {}", if pinned { "pinned" } else { "unpinned" }))?;
    Ok(changed > 0)
}

/// Changes every entry that matches, and gives how many there were.
fn each(args: &Args, pattern: &str, change: impl Fn(&Holder, &str) -> Result<bool>) -> Result<u64> {
    let mut tags = Vec::new();
    look::pages(&look::open(&args.dir)?, pattern, |page| {
        tags.extend(page.into_iter().map(|facts| facts.tag));
        Ok(())
    })?;
    let holder = Holder::open(args)?;
    let mut changed = 0;
    for tag in tags {
        changed += u64::from(change(&holder, &tag)?);
    }
    holder.close()?;
    Ok(changed)
}

/// `chia-cache clear`: asks first, unless `yes`.
pub(crate) fn clear(args: &Args, yes: bool, out: &mut Output) -> Result<bool> {
    let (entries, bytes) = {
        let stats = look::open(&args.dir)?.stats();
        (stats.entries, stats.bytes)
    };
    if !yes {
        let dir = args.dir.display();
        let what = format!("remove all {entries} entries ({}) of {dir}", text::bytes(bytes));
        if !io::stdin().is_terminal() {
            return Err(Error::NotConfirmed { what });
        }
        eprint!("{what}? [y/N] ");
        io::stderr().flush()?;
        let mut answer = String::new();
        io::stdin().read_line(&mut answer)?;
        if !matches!(answer.trim(), "y" | "Y" | "yes") {
            out.line("nothing was removed")?;
            return Ok(false);
        }
    }
    let store = Holder::open(args)?;
    let removed = store.clear()?;
    store.close()?;
    out.line(format!("{removed} entries removed"))?;
    Ok(true)
}

/// `chia-cache resize SIZE`: evicts what does not fit; refuses more than a tenth without `allow`.
pub(crate) fn resize(args: &Args, size: ByteSize, allow: bool, out: &mut Output) -> Result<bool> {
    let stats = Holder::resize(args, size, allow)?;
    out.line(format!(
        "{} entries, {} within {size}; a loop brings its own budget",
        stats.entries,
        text::bytes(stats.bytes)
    ))?;
    Ok(true)
}
