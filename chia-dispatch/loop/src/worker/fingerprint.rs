//! The fingerprint of a call: made where its arguments are resolved, recorded with its result, and
//! compared before a replay.

use bytes::Bytes;
use chia_bypass::{ArgumentPrint, Comparison, Digest, Fingerprint, Freshness};
use chia_cache::{Facts, NewEntry, Provenance};
use chia_services::codec;

use crate::registry::Identity;
use crate::ruleset::RulesData;

/// The fingerprint of a call with these encoded arguments (R26).
pub(super) fn of(identity: Identity, args: &[Bytes]) -> Fingerprint {
    let argument = |(index, encoded): (usize, &Bytes)| {
        let mut print = ArgumentPrint::of(&codec::canonical(encoded));
        print.len = codec::size(encoded);
        if let Some(name) = identity.parameters.get(index) {
            print = print.named(*name);
        }
        match codec::to_text(encoded) {
            Some(text) => print.with_value(text),
            None => print,
        }
    };
    Fingerprint {
        version: identity.version.map(str::to_owned),
        code: None,
        arguments: args.iter().enumerate().map(argument).collect(),
    }
}

/// Whether a recorded result still answers the call, and whether it may be served (R27).
pub(super) fn compare(
    function: &str,
    fingerprint: &Fingerprint,
    facts: &Facts,
    rules: &RulesData,
) -> (Freshness, bool) {
    let comparison = Comparison::of_rules(&rules.config, function, rules.check_by_default);
    let freshness = comparison.compare(recorded(&facts.provenance).as_ref(), fingerprint);
    let serve = !comparison.forbids(&freshness);
    (freshness, serve)
}

/// Adds a fingerprint to what the store records of an entry.
pub(super) fn record(fingerprint: &Fingerprint, entry: NewEntry) -> NewEntry {
    let argument = |print: &ArgumentPrint| {
        let mut recorded = chia_cache::Fingerprint::new(print.hash.0, print.len);
        recorded.name.clone_from(&print.name);
        recorded.repr.clone_from(&print.value);
        recorded
    };
    let entry = entry.arguments(fingerprint.arguments.iter().map(argument).collect());
    match &fingerprint.version {
        Some(version) => entry.version(version),
        None => entry,
    }
}

/// The fingerprint that an entry was recorded with. Entries written by hand, and by versions before
/// fingerprints, have none.
fn recorded(provenance: &Provenance) -> Option<Fingerprint> {
    // Without a run the entry was not written by a call: no argument is not the same as none known.
    provenance.run.as_ref()?;
    let argument = |recorded: &chia_cache::Fingerprint| ArgumentPrint {
        name: recorded.name.clone(),
        hash: Digest(recorded.hash.0),
        len: recorded.len,
        value: recorded.repr.clone(),
    };
    Some(Fingerprint {
        version: provenance.version.clone(),
        code: provenance.code.map(|code| Digest(code.0)),
        arguments: provenance.arguments.iter().map(argument).collect(),
    })
}
