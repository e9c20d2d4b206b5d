//! A run as a trace in Chrome's trace-event format, which Perfetto opens.

use std::collections::BTreeMap;
use std::io::{self, Write};

use chia_record::{Call, Run};
use serde::Serialize;

#[derive(Serialize)]
struct Event<'a> {
    name: &'a str,
    cat: &'a str,
    /// The kind: `X` a piece of work, `b` and `e` the ends of a wait, `M` a name.
    ph: &'static str,
    ts: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    dur: Option<u64>,
    /// The node.
    pid: usize,
    /// The lane of the node; calls of one lane do not overlap.
    tid: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<u64>,
    args: BTreeMap<&'a str, serde_json::Value>,
}

/// Writes the trace of a run.
///
/// # Errors
/// When the writer fails.
pub fn write(run: &Run, mut out: impl Write) -> io::Result<()> {
    out.write_all(b"{\"displayTimeUnit\":\"ms\",\"traceEvents\":[")?;
    let mut first = true;
    let mut emit = |event: &Event<'_>| {
        if !std::mem::take(&mut first) {
            out.write_all(b",")?;
        }
        out.write_all(b"\n")?;
        serde_json::to_writer(&mut out, event).map_err(io::Error::from)
    };
    let mut nodes: BTreeMap<&str, Vec<&Call>> = BTreeMap::new();
    for call in run.calls.iter().filter(|call| call.ended_us.is_some()) {
        nodes.entry(&call.node).or_default().push(call);
    }
    for (pid, (node, calls)) in nodes.iter_mut().enumerate() {
        let name = if node.is_empty() { "(node unknown)" } else { node };
        emit(&named(pid, name))?;
        calls.sort_by_key(|call| call.started_us());
        let mut free: Vec<u64> = Vec::new();
        for call in calls {
            let lane = free.iter().position(|free| *free <= call.started_us());
            let lane = lane.unwrap_or_else(|| {
                free.push(0);
                free.len() - 1
            });
            free[lane] = call.started_us().saturating_add(call.took_us.max(1));
            emit_call(&mut emit, call, pid, lane)?;
        }
    }
    out.write_all(b"\n]}\n")
}

fn emit_call<'a>(
    emit: &mut impl FnMut(&Event<'a>) -> io::Result<()>,
    call: &'a Call,
    pid: usize,
    tid: usize,
) -> io::Result<()> {
    let start = call.started_us();
    let work = Event {
        name: call.tag.as_deref().unwrap_or(&call.function),
        cat: call.outcome.as_deref().unwrap_or("unknown"),
        ph: "X",
        ts: start,
        dur: Some(call.took_us.max(1)),
        pid,
        tid,
        id: None,
        args: facts(call),
    };
    emit(&work)?;
    if start > call.queued_us {
        let wait = |ph, ts| Event {
            name: &call.function,
            cat: "waiting",
            ph,
            ts,
            dur: None,
            pid,
            tid: 0,
            id: Some(call.id),
            args: BTreeMap::new(),
        };
        emit(&wait("b", call.queued_us))?;
        emit(&wait("e", start))?;
    }
    Ok(())
}

fn named(pid: usize, name: &str) -> Event<'static> {
    let args = BTreeMap::from([("name", name.into())]);
    Event {
        name: "process_name",
        cat: "__metadata",
        ph: "M",
        ts: 0,
        dur: None,
        pid,
        tid: 0,
        id: None,
        args,
    }
}

fn facts(call: &Call) -> BTreeMap<&str, serde_json::Value> {
    let mut facts: BTreeMap<&str, serde_json::Value> = BTreeMap::new();
    facts.insert("id", call.id.into());
    facts.insert("function", call.function.as_str().into());
    let texts = [
        ("tag", call.tag.as_deref()),
        ("outcome", call.outcome.as_deref()),
        ("decision", Some(call.decision.as_str())),
        ("reason", Some(call.reason.as_str())),
        ("rule", call.rule.as_deref()),
        ("miss", call.miss.as_deref()),
        ("stale", call.stale.as_deref()),
        ("error", call.error.as_deref()),
    ];
    for (name, text) in texts {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            facts.insert(name, text.into());
        }
    }
    for (name, number) in [("bytes", call.bytes), ("saved_us", call.saved_us)] {
        if number > 0 {
            facts.insert(name, number.into());
        }
    }
    if let Some(parent) = call.parent {
        facts.insert("parent", parent.into());
    }
    facts
}
