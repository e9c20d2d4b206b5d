//! `verify`: every checksum.

use std::io;

use serde::Serialize;

use super::look;
use crate::args::Args;
use crate::error::Result;
use crate::output::{Output, Tone, printable};
use crate::progress::Progress;
use crate::text;

#[derive(Serialize)]
struct Damaged<'a> {
    tag: &'a str,
    damage: String,
}

/// `chia-cache verify`; false if an entry is damaged. Damage is left as it is: the next read by a loop
/// quarantines the entry.
pub(crate) fn verify(args: &Args, out: &mut Output) -> Result<bool> {
    let store = look::open(&args.dir)?;
    let (mut entries, mut bytes, mut damaged) = (0u64, 0u64, 0u64);
    let progress = Progress::new("verified", store.stats().bytes);
    look::pages(&store, "*", |page| {
        for facts in page {
            let damage = match store.read_into(&facts.tag, &mut io::sink()) {
                Ok(Some(_)) => None,
                // It may have been evicted in the meantime.
                Ok(None) if !store.has(&facts.tag)? => continue,
                Ok(None) => Some("the checksum does not match".to_owned()),
                Err(error) => Some(error.to_string()),
            };
            entries += 1;
            bytes += facts.size;
            if let Some(damage) = damage {
                damaged += 1;
                let row = Damaged { tag: &facts.tag, damage };
                if out.json {
                    out.object(&row)?;
                } else {
                    let line = format!("{}: {}", printable(row.tag), printable(&row.damage));
                    let line = out.paint(&line, Tone::Bad);
                    out.line(line)?;
                }
            }
        }
        progress.show(bytes);
        Ok(())
    })?;
    drop(progress);
    if !out.json {
        out.line(format!("{entries} entries, {}, {damaged} damaged", text::bytes(bytes)))?;
    }
    Ok(damaged == 0)
}
