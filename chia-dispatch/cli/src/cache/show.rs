//! `show` and `stats`.

use std::io::{self, Write};

use chia_cache::{Facts, ReadOnlyStore, Stats};
use chia_services::OwnerClient;
use serde::Serialize;
use serde_json::Value;

use super::look;
use crate::args::Args;
use crate::error::Result;
use crate::output::{Output, printable};
use crate::{text, value};

/// The most characters of a value that are printed.
const LONGEST_VALUE: usize = 4_000;

/// An entry as it is shown.
#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    facts: Facts,
    /// The directory of the base that has the entry, if an overlay was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    base: Option<String>,
    /// The value as Python writes it, cut.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
}

/// `chia-cache show TAG`; false if there is no such entry, or its value is damaged. The entry of an
/// overlay may be in a base.
pub(crate) fn show(args: &Args, tag: &str, with_value: bool, out: &mut Output) -> Result<bool> {
    let stores = look::Readable::open(&args.dir)?;
    let Some((store, facts)) = stores.find(tag)? else {
        eprintln!("chia-cache: no entry has the tag `{}`", printable(tag));
        return Ok(false);
    };
    let value = if with_value { read(store, &facts)? } else { None };
    if with_value && value.is_none() {
        eprintln!("chia-cache: the value is damaged");
    }
    let whole = value.is_some() == with_value;
    let base = stores.is_base(store).then(|| store.dir().display().to_string());
    let mut shown = Shown { facts, base, value };
    if out.json {
        out.object(&shown)?;
        return Ok(whole);
    }
    let value = shown.value.take();
    lines("", &serde_json::to_value(&shown).map_err(std::io::Error::from)?, out)?;
    if let Some(value) = value {
        out.line(format!("{:<18} {value}", "value"))?;
    }
    Ok(whole)
}

/// The value as text; `None` if it is damaged.
fn read(store: &ReadOnlyStore, facts: &Facts) -> Result<Option<String>> {
    let mut head = Head(Vec::new());
    let found = store.read_into(&facts.tag, &mut head)?;
    let text = || value::text(&head.0, facts.size, facts.codec, LONGEST_VALUE);
    Ok(found.map(|_| text()))
}

/// Takes the first bytes of a value and lets the rest pass.
struct Head(Vec<u8>);

impl Write for Head {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = value::LONGEST_PICKLE.saturating_sub(self.0.len());
        self.0.extend_from_slice(&bytes[..bytes.len().min(room)]);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A line a fact; what is unknown is left out.
fn lines(name: &str, value: &Value, out: &mut Output) -> Result<()> {
    match value {
        Value::Null => Ok(()),
        Value::Object(members) => {
            // A time: seconds and nanoseconds since 1970, or a duration.
            let seconds = |key: &str| members.get(key).and_then(Value::as_u64);
            if let Some(secs) = seconds("secs_since_epoch") {
                return out.line(format!("{name:<18} {}", chia_record::utc(secs)));
            }
            if let (Some(secs), Some(nanos)) = (seconds("secs"), seconds("nanos")) {
                let micros = secs.saturating_mul(1_000_000).saturating_add(nanos / 1_000);
                return out.line(format!("{name:<18} {}", text::micros(micros)));
            }
            members.iter().try_for_each(|(member, value)| lines(member, value, out))
        }
        Value::Array(items) if items.is_empty() => Ok(()),
        Value::String(text) => out.line(format!("{name:<18} {}", printable(text))),
        other => out.line(format!("{name:<18} {}", printable(&other.to_string()))),
    }
}

/// `chia-cache stats`: what the cache holds; and what a living owner has counted since it opened it.
pub(crate) fn stats(args: &Args, out: &mut Output) -> Result<bool> {
    let store = look::open(&args.dir)?;
    let owner = OwnerClient::connect(&args.dir).and_then(|owner| owner.stats()).ok();
    let stats = owner.as_ref().map_or_else(|| store.stats(), Stats::clone);
    let bases = look::bases(&args.dir)?;
    if out.json {
        let mut stats = serde_json::to_value(&stats).map_err(std::io::Error::from)?;
        if let (Some(base), Value::Object(members)) = (bases.first(), &mut stats) {
            members.insert("base".to_owned(), base.display().to_string().into());
        }
        out.object(&stats)?;
        return Ok(true);
    }
    let mut line = |name: &str, value: String| out.line(format!("{name:<18} {value}"));
    line("directory", printable(&store.dir().display().to_string()))?;
    for base in bases {
        line("overlay of", printable(&base.display().to_string()))?;
    }
    line("entries", stats.entries.to_string())?;
    line("bytes", text::bytes(stats.bytes))?;
    line("eviction policy", stats.policy.to_string())?;
    line("index on disk", text::bytes(stats.index_bytes))?;
    if owner.is_some() {
        line("budget", text::bytes(stats.budget))?;
        for (name, count) in [
            ("reads that hit", stats.hits),
            ("reads that missed", stats.misses),
            ("values stored", stats.writes),
            ("values refreshed", stats.refreshed),
            ("entries evicted", stats.evictions),
            ("quarantined", stats.quarantined),
        ] {
            line(name, count.to_string())?;
        }
    }
    Ok(true)
}
