//! The lines of a record after the first, as they are written and read.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::encode::{Encode, HEX};

/// The longest error message that a record keeps, in bytes; the rest is cut off.
const LONGEST_TEXT: usize = 2_000;

/// A call was dispatched.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct CallStart<'a> {
    /// The call's id, unique within the run.
    pub id: u64,
    /// The call that made this one, if a task did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<u64>,
    /// When it was dispatched, in microseconds since the start of the run.
    #[serde(rename = "at")]
    pub queued_us: u64,
    /// The function.
    #[serde(rename = "fn")]
    pub function: Cow<'a, str>,
    /// The tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<Cow<'a, str>>,
    /// The decision: `run`, `replay`, `provider`, `file` or `rehearse`.
    #[serde(rename = "do")]
    pub decision: Cow<'a, str>,
    /// The reason in one word, as chia-bypass names it.
    #[serde(rename = "why")]
    pub reason: Cow<'a, str>,
    /// The place of the rule that decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<Cow<'a, str>>,
    /// The fingerprints of the arguments, in order; `None` where it is not known.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<Option<Fingerprint>>,
    /// The version that the function declares.
    #[serde(rename = "ver", skip_serializing_if = "Option::is_none")]
    pub version: Option<Cow<'a, str>>,
    /// What the call asks for besides one `cpu`, such as `gpu=1`.
    #[serde(rename = "res", skip_serializing_if = "Option::is_none")]
    pub resources: Option<Cow<'a, str>>,
}

/// The head of an argument's 128-bit hash: enough to tell two runs apart, short enough for a line a
/// call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fingerprint(u64);

/// The hexadecimal digits of a hash that a record keeps.
const DIGITS: usize = 12;

impl Fingerprint {
    /// The fingerprint of an argument with this hash.
    #[must_use]
    pub fn of(hash: u128) -> Self {
        Self(u64::try_from(hash >> 80).unwrap_or(u64::MAX))
    }

    pub(crate) fn digits(self) -> [u8; DIGITS] {
        let mut digits = [0; DIGITS];
        for (at, digit) in digits.iter_mut().enumerate() {
            *digit = HEX[usize::from((self.0 >> (44 - 4 * at)) as u8 & 15)];
        }
        digits
    }
}

impl std::fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:0DIGITS$x}", self.0)
    }
}

impl Serialize for Fingerprint {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(std::str::from_utf8(&self.digits()).unwrap_or_default())
    }
}

impl<'de> Deserialize<'de> for Fingerprint {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let digits = Cow::<'de, str>::deserialize(deserializer)?;
        let head = digits.get(..DIGITS).unwrap_or(&digits);
        u64::from_str_radix(head, 16).map(Self).map_err(serde::de::Error::custom)
    }
}

/// A call ended, and the driver knows how.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct CallEnd<'a> {
    /// The call's id.
    pub id: u64,
    /// When the driver saw the end, in microseconds since the start of the run.
    #[serde(rename = "at")]
    pub ended_us: u64,
    /// The outcome: `ran`, `replayed`, `provider`, `file`, `failed` or `cancelled`.
    #[serde(rename = "how")]
    pub outcome: Cow<'a, str>,
    /// The node that it ran on.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub node: Cow<'a, str>,
    /// From dispatch to the start of the work, in microseconds, where it is known.
    #[serde(rename = "wait", skip_serializing_if = "Option::is_none")]
    pub waited_us: Option<u64>,
    /// How long the body, provider, file server or cache took, in microseconds.
    #[serde(rename = "took", skip_serializing_if = "is_zero")]
    pub took_us: u64,
    /// The size of the encoded result.
    #[serde(skip_serializing_if = "is_zero")]
    pub bytes: u64,
    /// The compute time that a replayed result once cost, in microseconds.
    #[serde(rename = "saved", skip_serializing_if = "is_zero")]
    pub saved_us: u64,
    /// What became of the result's way into the cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub write: Option<Cow<'a, str>>,
    /// Why a replay found nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub miss: Option<Cow<'a, str>>,
    /// What differs from the recorded call, although its result was served.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stale: Option<Cow<'a, str>>,
    /// Which attempt gave the result, where it was not the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// The fingerprints of the arguments, where they were not known at the start.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<Option<Fingerprint>>,
    /// The error of a call that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Cow<'a, str>>,
}

/// The handle of a call was dropped, and nobody asked for its result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CallLeft {
    /// The call's id.
    pub id: u64,
    /// When, in microseconds since the start of the run.
    #[serde(rename = "at")]
    pub left_us: u64,
}

/// Lines are missing here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Dropped {
    /// When this was written, in microseconds since the start of the run.
    #[serde(rename = "at")]
    pub at_us: u64,
    /// How many lines.
    pub lines: u64,
}

/// The last line of a run that ended in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct RunSummary {
    /// When the run ended, in microseconds since its start.
    #[serde(rename = "at")]
    pub ended_us: u64,
    /// The counts of all calls.
    #[serde(flatten)]
    pub total: crate::Tally,
    /// What had no effect: rules that no call met, patterns that never matched, and so on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unused: Vec<String>,
}

impl<'a> CallStart<'a> {
    /// A call of `function`, dispatched at `queued_us`.
    #[must_use]
    pub fn new(id: u64, queued_us: u64, function: &'a str) -> Self {
        Self { id, queued_us, function: function.into(), ..Self::default() }
    }

    /// The call that made this one.
    #[must_use]
    pub fn parent(mut self, parent: u64) -> Self {
        self.parent = Some(parent);
        self
    }

    /// The tag.
    #[must_use]
    pub fn tag(mut self, tag: &'a str) -> Self {
        self.tag = Some(tag.into());
        self
    }

    /// The decision, and its reason in one word.
    #[must_use]
    pub fn decision(mut self, decision: &'a str, reason: &'a str) -> Self {
        (self.decision, self.reason) = (decision.into(), reason.into());
        self
    }

    /// The place of the rule that decided.
    #[must_use]
    pub fn rule(mut self, place: impl Into<Cow<'a, str>>) -> Self {
        self.rule = Some(place.into());
        self
    }

    /// The hashes of the arguments.
    #[must_use]
    pub fn args(mut self, hashes: impl IntoIterator<Item = Option<u128>>) -> Self {
        self.args = fingerprints(hashes);
        self
    }

    /// The version that the function declares.
    #[must_use]
    pub fn version(mut self, version: &'a str) -> Self {
        self.version = Some(version.into());
        self
    }

    /// What it asks for besides one `cpu`.
    #[must_use]
    pub fn resources(mut self, resources: impl Into<Cow<'a, str>>) -> Self {
        self.resources = Some(resources.into());
        self
    }
}

impl<'a> CallEnd<'a> {
    /// A call that ended with `outcome`, as the driver saw at `ended_us`.
    #[must_use]
    pub fn new(id: u64, ended_us: u64, outcome: &'a str) -> Self {
        Self { id, ended_us, outcome: outcome.into(), ..Self::default() }
    }

    /// The node that it ran on.
    #[must_use]
    pub fn node(mut self, node: &'a str) -> Self {
        self.node = node.into();
        self
    }

    /// From dispatch to the start of the work.
    #[must_use]
    pub fn waited_us(mut self, micros: u64) -> Self {
        self.waited_us = Some(micros);
        self
    }

    /// How long the work took.
    #[must_use]
    pub fn took_us(mut self, micros: u64) -> Self {
        self.took_us = micros;
        self
    }

    /// The size of the encoded result.
    #[must_use]
    pub fn bytes(mut self, bytes: u64) -> Self {
        self.bytes = bytes;
        self
    }

    /// The compute time that was saved.
    #[must_use]
    pub fn saved_us(mut self, micros: u64) -> Self {
        self.saved_us = micros;
        self
    }

    /// What became of the result's way into the cache.
    #[must_use]
    pub fn write(mut self, write: &'a str) -> Self {
        self.write = Some(write.into());
        self
    }

    /// Why a replay found nothing.
    #[must_use]
    pub fn miss(mut self, miss: impl Into<Cow<'a, str>>) -> Self {
        self.miss = Some(shortened(miss.into()));
        self
    }

    /// What differs from the recorded call, although its result was served.
    #[must_use]
    pub fn stale(mut self, stale: impl Into<Cow<'a, str>>) -> Self {
        self.stale = Some(shortened(stale.into()));
        self
    }

    /// Which attempt gave the result.
    #[must_use]
    pub fn attempt(mut self, attempt: u32) -> Self {
        self.attempt = (attempt > 1).then_some(attempt);
        self
    }

    /// The hashes of the arguments, where they were not known at the start.
    #[must_use]
    pub fn args(mut self, hashes: impl IntoIterator<Item = Option<u128>>) -> Self {
        self.args = fingerprints(hashes);
        self
    }

    /// The error, cut off after 2,000 bytes.
    #[must_use]
    pub fn error(mut self, error: impl Into<Cow<'a, str>>) -> Self {
        self.error = Some(shortened(error.into()));
        self
    }
}

fn fingerprints(hashes: impl IntoIterator<Item = Option<u128>>) -> Vec<Option<Fingerprint>> {
    hashes.into_iter().map(|hash| hash.map(Fingerprint::of)).collect()
}

fn shortened(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.len() <= LONGEST_TEXT {
        return text;
    }
    let end = (0..=LONGEST_TEXT).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    Cow::Owned(format!("{}…", &text[..end]))
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Encode for CallLeft {
    fn encode(&self, buffer: &mut Vec<u8>) {
        append(buffer, "left", self);
    }
}

impl Encode for Dropped {
    fn encode(&self, buffer: &mut Vec<u8>) {
        append(buffer, "dropped", self);
    }
}

impl Encode for RunSummary {
    fn encode(&self, buffer: &mut Vec<u8>) {
        append(buffer, "summary", self);
    }
}

/// Appends `line` to `buffer` as an object whose first member is `"e":"<kind>"`.
pub(crate) fn append<T: Serialize>(buffer: &mut Vec<u8>, kind: &str, line: &T) {
    let whole = buffer.len();
    buffer.extend_from_slice(b"{\"e\":\"");
    buffer.extend_from_slice(kind.as_bytes());
    buffer.push(b'"');
    let brace = buffer.len();
    match serde_json::to_writer(&mut *buffer, line) {
        Ok(()) => {
            buffer[brace] = b',';
            buffer.push(b'\n');
        }
        // Strings and numbers in a vector cannot fail; were it to happen, no half line stays.
        Err(_) => buffer.truncate(whole),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_object_with_its_kind_first() {
        let mut buffer = Vec::new();
        let start = CallStart::new(7, 12, "f")
            .tag("a\"\n")
            .decision("run", "off")
            .args([Some(0x0123_4567_89ab_cdef_u128 << 64), None]);
        append(&mut buffer, "start", &start);
        let text = String::from_utf8(buffer).unwrap();
        let expected = "{\"e\":\"start\",\"id\":7,\"at\":12,\"fn\":\"f\",\"tag\":\"a\\\"\\n\",\
                        \"do\":\"run\",\"why\":\"off\",\"args\":[\"0123456789ab\",null]}\n";
        assert_eq!(text, expected);
        assert_eq!(serde_json::from_str::<CallStart<'_>>(&text).unwrap(), start);
    }

    #[test]
    fn long_errors_are_cut_at_a_character() {
        let end = CallEnd::new(1, 2, "failed").error("é".repeat(3_000));
        assert!(end.error.unwrap().len() <= LONGEST_TEXT + '…'.len_utf8());
    }
}
