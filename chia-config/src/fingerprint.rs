//! A stable name for the content of rules.

use std::collections::BTreeMap;

use foldhash::HashMap;
use twox_hash::XxHash3_128;

use crate::{Argument, ArgumentKey, Config, Failures, Location, Rehearsal, TagPatterns};

impl Config {
    /// 32 hexadecimal digits that are the same for the same rules at the same places, on
    /// every machine and in every process.
    ///
    /// It is XXH3-128 over the rules in order of their names. It guards against mix-ups,
    /// not against forgery.
    pub fn fingerprint(&self) -> String {
        let mut hash = Hasher(XxHash3_128::new());
        hash.text("bypass");
        for (name, rule) in sorted(&self.bypass) {
            hash.rule(name, rule.enabled(), rule.tags(), rule.location());
            let data = rule.data().map(|path| path.as_os_str().as_encoded_bytes());
            hash.bytes(data.unwrap_or_default());
            hash.bytes(&[u8::from(data.is_some())]);
            let check = rule.check().unwrap_or_default();
            let check = [rule.check().is_some(), check.arguments, check.version, check.code];
            hash.bytes(&check.map(u8::from));
            hash.ignored(rule.ignored());
            hash.rehearsal(rule.rehearsal());
        }
        hash.text("cache");
        for (name, rule) in sorted(&self.cache) {
            hash.rule(name, rule.enabled(), rule.tags(), rule.location());
            hash.bytes(&[u8::from(rule.auto_tag())]);
            hash.ignored(rule.ignored());
        }
        format!("{:032x}", hash.0.finish_128())
    }
}

fn sorted<R>(rules: &HashMap<String, R>) -> BTreeMap<&String, &R> {
    rules.iter().collect()
}

/// Feeds fields with their lengths, so that no two rules run into each other.
struct Hasher(XxHash3_128);

impl Hasher {
    fn bytes(&mut self, bytes: &[u8]) {
        self.0.write(&(bytes.len() as u64).to_le_bytes());
        self.0.write(bytes);
    }

    fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    fn rule(&mut self, name: &str, enabled: bool, tags: Option<&TagPatterns>, at: &Location) {
        self.text(name);
        self.bytes(&[u8::from(enabled), u8::from(tags.is_some())]);
        self.location(at);
        let patterns = tags.map_or(&[][..], TagPatterns::patterns);
        self.bytes(&(patterns.len() as u64).to_le_bytes());
        for pattern in patterns {
            self.text(pattern.text());
            self.location(pattern.location());
        }
    }

    fn ignored(&mut self, arguments: &[Argument]) {
        self.bytes(&(arguments.len() as u64).to_le_bytes());
        for argument in arguments {
            match argument.key() {
                ArgumentKey::Name(name) => self.text(name),
                ArgumentKey::Position(position) => self.bytes(&(*position as u64).to_le_bytes()),
            }
            self.bytes(&[u8::from(matches!(argument.key(), ArgumentKey::Name(_)))]);
            self.location(argument.location());
        }
    }

    fn rehearsal(&mut self, rehearsal: Option<&Rehearsal>) {
        let pace = rehearsal.map(Rehearsal::pace);
        let duration = rehearsal.and_then(Rehearsal::duration);
        self.bytes(&[u8::from(pace.is_some()), u8::from(duration.is_some())]);
        self.bytes(&pace.unwrap_or_default().to_le_bytes());
        self.bytes(&duration.unwrap_or_default().as_nanos().to_le_bytes());
        let (kind, share) = match rehearsal.map(Rehearsal::failures).unwrap_or_default() {
            Failures::None => (0, 0.0),
            Failures::Share(share) => (1, share),
            Failures::Recorded => (2, 0.0),
        };
        self.bytes(&[kind]);
        self.bytes(&share.to_le_bytes());
    }

    fn location(&mut self, at: &Location) {
        self.text(at.file());
        self.bytes(&at.line().to_le_bytes());
        self.bytes(&at.column().to_le_bytes());
    }
}
