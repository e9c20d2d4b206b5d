//! The run as the page reads it: texts once, calls as columns of numbers.

use std::collections::HashMap;

use chia_record::{Call, Run, RunHeader};
use serde::Serialize;

/// Everything that the page shows.
#[derive(Serialize)]
pub(super) struct Data<'r> {
    header: &'r RunHeader,
    ended: bool,
    /// In microseconds.
    length: u64,
    notes: Vec<String>,
    unused: &'r [String],
    /// Every text of the calls; the first is empty.
    strings: Vec<&'r str>,
    /// In the order that `data.js` unpacks.
    calls: [Vec<i64>; 18],
    /// Absent where the ids count from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    ids: Option<Vec<u64>>,
}

impl<'r> Data<'r> {
    pub(super) fn of(run: &'r Run) -> Self {
        let mut texts = Texts::default();
        texts.number("");
        let places: HashMap<u64, usize> =
            run.calls.iter().enumerate().map(|(at, call)| (call.id, at)).collect();
        let mut calls: [Vec<i64>; 18] = Default::default();
        let mut queued = 0;
        for call in &run.calls {
            let numbers = numbers(call, &mut texts, &places, queued);
            queued = call.queued_us;
            calls.iter_mut().zip(numbers).for_each(|(column, number)| column.push(number));
        }
        let counted = run.calls.iter().zip(1..).all(|(call, id)| call.id == id);
        Self {
            header: &run.header,
            ended: run.summary.is_some(),
            length: run.length_us(),
            notes: run.notes.to_string().lines().map(str::to_owned).collect(),
            unused: run.summary.as_ref().map_or(&[], |summary| &summary.unused),
            strings: texts.all,
            calls,
            ids: (!counted).then(|| run.calls.iter().map(|call| call.id).collect()),
        }
    }
}

fn numbers<'r>(
    call: &'r Call,
    texts: &mut Texts<'r>,
    places: &HashMap<u64, usize>,
    queued: u64,
) -> [i64; 18] {
    let mut text = |text: Option<&'r str>| texts.number(text.unwrap_or_default());
    let parent = call.parent.and_then(|parent| places.get(&parent));
    [
        text(Some(&call.function)),
        text(call.tag.as_deref()),
        text(Some(&call.decision)),
        text(Some(&call.reason)),
        text(call.rule.as_deref()),
        text(call.resources.as_deref()),
        text(call.outcome.as_deref()),
        text(Some(&call.node)),
        parent.map_or(-1, |at| signed(*at as u64)),
        signed(call.queued_us) - signed(queued),
        signed(call.started_us() - call.queued_us),
        signed(call.took_us),
        signed(call.saved_us),
        signed(call.bytes),
        text(call.miss.as_deref()),
        text(call.stale.as_deref()),
        text(call.error.as_deref()),
        if call.left { signed(call.queued_us) } else { 0 },
    ]
}

/// JavaScript's numbers are exact up to 2^53; no run lasts 285 years.
fn signed(number: u64) -> i64 {
    i64::try_from(number.min(1 << 53)).unwrap_or_default()
}

/// Each text once.
#[derive(Default)]
struct Texts<'r> {
    all: Vec<&'r str>,
    numbers: HashMap<&'r str, i64>,
}

impl<'r> Texts<'r> {
    fn number(&mut self, text: &'r str) -> i64 {
        *self.numbers.entry(text).or_insert_with(|| {
            self.all.push(text);
            self.all.len() as i64 - 1
        })
    }
}
