//! The `rehearse:` option: a boolean, or a mapping.

use super::entry::listed;
use super::*;
use crate::names::nearest;
use crate::rehearsal::{is_share, parse_duration};
use crate::yaml::{Entry, Node};
use crate::{Failures, Rehearsal, keys};

impl Reader<'_> {
    pub(super) fn rehearse(&mut self, option: &Entry) -> Option<Rehearsal> {
        if let Some(flag) = option.value.as_bool() {
            return flag.then(Rehearsal::new);
        }
        let Kind::Mapping(pairs) = &option.value.kind else {
            let found = option.value.describe();
            let message =
                format!("expected `true`, `false` or options for `rehearse`, found {found}");
            let help = format!("the options are {}", listed(keys::REHEARSE));
            self.error(&option.value, message, Some(help));
            return None;
        };
        let found = self.merger.entries(pairs, &mut self.problems);
        self.unnamed(&found.unnamed, "an option's name");
        for duplicate in &found.duplicates {
            let message = format!("a second `{}` in `rehearse`", duplicate.name);
            self.error(&duplicate.key, message, None);
        }
        let mut rehearsal = Rehearsal::new();
        for entry in &found.entries {
            rehearsal = self.rehearse_option(rehearsal, entry);
        }
        Some(rehearsal)
    }

    fn rehearse_option(&mut self, rehearsal: Rehearsal, entry: &Entry) -> Rehearsal {
        let found = entry.value.describe();
        let (message, help) = match entry.name.as_str() {
            "pace" => match entry.value.as_amount() {
                Some(pace) => return rehearsal.with_pace(pace),
                None => (
                    format!("expected a number for `pace`, found {found}"),
                    "0 is at once, 1 as it was".to_owned(),
                ),
            },
            "duration" => match entry.value.as_text_or_number().and_then(parse_duration) {
                Some(duration) => return rehearsal.with_duration(duration),
                None => (
                    format!("expected a duration for `duration`, found {found}"),
                    "write `90 s`, `40 min` or `1.5 h`; the units are `ms`, `s`, `min`, `h`, `d`"
                        .to_owned(),
                ),
            },
            "failures" => match failures(&entry.value) {
                Some(failures) => return rehearsal.with_failures(failures),
                None => (
                    format!("expected a share for `failures`, found {found}"),
                    "write a number from 0 to 1, or `recorded` for the share of the last run"
                        .to_owned(),
                ),
            },
            name => {
                let help = match nearest(name, keys::REHEARSE.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("the options are {}", listed(keys::REHEARSE)),
                };
                self.error(
                    &entry.key,
                    format!("unknown option `{name}` of `rehearse`"),
                    Some(help),
                );
                return rehearsal;
            }
        };
        self.error(&entry.value, message, Some(help));
        rehearsal
    }
}

fn failures(value: &Node) -> Option<Failures> {
    match value.as_amount() {
        Some(share) => is_share(share).then_some(Failures::Share(share)),
        None => (value.as_text_or_number() == Some("recorded")).then_some(Failures::Recorded),
    }
}
