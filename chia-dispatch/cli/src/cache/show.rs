//! `show` and `stats`.

use serde_json::Value;

use super::look;
use crate::args::Args;
use crate::error::Result;
use crate::output::{Output, printable};
use crate::text;

/// `chia-cache show TAG`; false if there is no such entry.
pub(crate) fn show(args: &Args, tag: &str, out: &mut Output) -> Result<bool> {
    let store = look::open(&args.dir)?;
    let Some(facts) = store.facts(tag)? else {
        eprintln!("chia-cache: no entry has the tag `{}`", printable(tag));
        return Ok(false);
    };
    if out.json {
        out.object(&facts)?;
        return Ok(true);
    }
    let facts = serde_json::to_value(&facts).map_err(std::io::Error::from)?;
    lines("", &facts, out)?;
    Ok(true)
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

/// `chia-cache stats`: what the cache holds.
pub(crate) fn stats(args: &Args, out: &mut Output) -> Result<bool> {
    let store = look::open(&args.dir)?;
    let stats = store.stats();
    if out.json {
        out.object(&stats)?;
        return Ok(true);
    }
    out.line(format!("directory          {}", printable(&store.dir().display().to_string())))?;
    out.line(format!("entries            {}", stats.entries))?;
    out.line(format!("bytes              {}", text::bytes(stats.bytes)))?;
    out.line(format!("index on disk      {}", text::bytes(stats.index_bytes)))?;
    Ok(true)
}
