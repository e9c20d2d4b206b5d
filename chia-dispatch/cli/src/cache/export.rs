//! `export`: a copy of entries that is a cache of its own.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use chia_cache::{ByteSize, Durability, Facts, Options, Store};

use super::look;
use crate::args::Args;
use crate::error::{Error, Result};
use crate::output::Output;
use crate::progress::Progress;
use crate::text;

/// `chia-cache export PATH [PATTERN]`; false if nothing matches, or an entry is damaged.
pub(crate) fn export(
    args: &Args,
    path: &Path,
    pattern: &str,
    pickles: bool,
    out: &mut Output,
) -> Result<bool> {
    let from = look::open(&args.dir)?;
    let to = create(path, pickles)?;
    let progress = Progress::new("exported", from.stats().bytes);
    let (mut entries, mut bytes, mut damaged) = (0u64, 0u64, 0u64);
    look::pages(&from, pattern, |page| {
        for facts in page.into_iter().filter(lives) {
            match from.read(&facts.tag)? {
                Some(entry) => {
                    to.write(&facts.tag, &entry.value, &entry.facts.into())?;
                    entries += 1;
                    bytes += facts.size;
                }
                // The owner may have evicted it in the meantime.
                None => damaged += u64::from(from.has(&facts.tag)?),
            }
            progress.show(bytes);
        }
        Ok(())
    })?;
    to.close()?;
    drop(progress);
    if damaged > 0 {
        eprintln!("chia-cache: {damaged} damaged entries are left out; `verify` names them");
    }
    let path = path.display();
    out.line(format!("{entries} entries, {}, exported to {path}", text::bytes(bytes)))?;
    Ok(entries > 0 && damaged == 0)
}

fn lives(facts: &Facts) -> bool {
    facts.expires.is_none_or(|expires| expires > SystemTime::now())
}

/// The new cache. Closing it makes all of it durable, so that single writes need not be.
fn create(path: &Path, pickles: bool) -> Result<Store> {
    match fs::read_dir(path).map(|mut entries| entries.next().is_none()) {
        Ok(true) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Ok(false) => return Err(Error::Exists { path: path.to_owned() }),
        Err(source) => return Err(Error::Read { path: path.to_owned(), source }),
    }
    let options = Options::new(ByteSize::new(u64::MAX)).durability(Durability::Relaxed);
    Ok(Store::open(path, if pickles { options.inline_limit(0) } else { options })?)
}
