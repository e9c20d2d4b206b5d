//! Lines as JSON, written by hand: the two lines of a call are on the path of every dispatch, and this
//! takes a third of the time of a general encoder. Their serde form is the same (see the tests).

use crate::lines::{CallEnd, CallStart, Fingerprint};

/// Room for a line, in bytes, so that the buffer seldom grows in the middle of one.
const USUAL_LINE: usize = 512;

pub(crate) const HEX: &[u8; 16] = b"0123456789abcdef";

/// A line that goes into the record.
pub(crate) trait Encode {
    /// Appends the line as a JSON object, with its kind first and a line feed at its end.
    fn encode(&self, buffer: &mut Vec<u8>);
}

impl Encode for CallStart<'_> {
    fn encode(&self, buffer: &mut Vec<u8>) {
        let mut line = Line::begin(buffer, "start");
        line.number("id", self.id);
        if let Some(parent) = self.parent {
            line.number("parent", parent);
        }
        line.number("at", self.queued_us);
        line.text("fn", &self.function);
        line.text_if_any("tag", self.tag.as_deref());
        line.text("do", &self.decision);
        line.text("why", &self.reason);
        line.text_if_any("rule", self.rule.as_deref());
        if !self.args.is_empty() {
            line.args(&self.args);
        }
        line.text_if_any("ver", self.version.as_deref());
        line.text_if_any("res", self.resources.as_deref());
        line.end();
    }
}

impl Encode for CallEnd<'_> {
    fn encode(&self, buffer: &mut Vec<u8>) {
        let mut line = Line::begin(buffer, "end");
        line.number("id", self.id);
        line.number("at", self.ended_us);
        line.text("how", &self.outcome);
        line.text_if_any("node", Some(&*self.node).filter(|node| !node.is_empty()));
        if let Some(waited) = self.waited_us {
            line.number("wait", waited);
        }
        for (name, number) in
            [("took", self.took_us), ("bytes", self.bytes), ("saved", self.saved_us)]
        {
            if number > 0 {
                line.number(name, number);
            }
        }
        line.text_if_any("write", self.write.as_deref());
        line.text_if_any("miss", self.miss.as_deref());
        line.text_if_any("stale", self.stale.as_deref());
        if let Some(attempt) = self.attempt {
            line.number("attempt", attempt.into());
        }
        if !self.args.is_empty() {
            line.args(&self.args);
        }
        line.text_if_any("error", self.error.as_deref());
        line.end();
    }
}

/// An object in the making. Names of members need no escapes.
struct Line<'a>(&'a mut Vec<u8>);

impl<'a> Line<'a> {
    fn begin(buffer: &'a mut Vec<u8>, kind: &str) -> Self {
        buffer.reserve(USUAL_LINE);
        buffer.extend_from_slice(b"{\"e\":\"");
        buffer.extend_from_slice(kind.as_bytes());
        buffer.push(b'"');
        Self(buffer)
    }

    fn end(self) {
        self.0.extend_from_slice(b"}\n");
    }

    fn name(&mut self, name: &str) {
        self.0.extend_from_slice(b",\"");
        self.0.extend_from_slice(name.as_bytes());
        self.0.extend_from_slice(b"\":");
    }

    fn number(&mut self, name: &str, mut number: u64) {
        self.name(name);
        // The longest number has 20 digits.
        let mut digits = [0; 20];
        let mut at = digits.len();
        loop {
            at -= 1;
            digits[at] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                break;
            }
        }
        self.0.extend_from_slice(&digits[at..]);
    }

    fn text_if_any(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.text(name, text);
        }
    }

    fn text(&mut self, name: &str, text: &str) {
        self.name(name);
        self.0.push(b'"');
        let mut rest = text.as_bytes();
        while let Some(at) = rest.iter().position(|byte| needs_escape(*byte)) {
            self.0.extend_from_slice(&rest[..at]);
            self.escape(rest[at]);
            rest = &rest[at + 1..];
        }
        self.0.extend_from_slice(rest);
        self.0.push(b'"');
    }

    fn escape(&mut self, byte: u8) {
        let short = match byte {
            b'"' | b'\\' => byte,
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            0x08 => b'b',
            0x0c => b'f',
            _ => {
                let digits = [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]];
                self.0.extend_from_slice(b"\\u00");
                self.0.extend_from_slice(&digits);
                return;
            }
        };
        self.0.extend_from_slice(&[b'\\', short]);
    }

    fn args(&mut self, args: &[Option<Fingerprint>]) {
        self.name("args");
        self.0.push(b'[');
        for (at, arg) in args.iter().enumerate() {
            if at > 0 {
                self.0.push(b',');
            }
            match arg {
                Some(arg) => {
                    self.0.push(b'"');
                    self.0.extend_from_slice(&arg.digits());
                    self.0.push(b'"');
                }
                None => self.0.extend_from_slice(b"null"),
            }
        }
        self.0.push(b']');
    }
}

fn needs_escape(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lines::append;
    use proptest::prelude::*;

    fn encoded(line: &impl Encode) -> String {
        let mut buffer = Vec::new();
        line.encode(&mut buffer);
        String::from_utf8(buffer).unwrap()
    }

    fn by_serde(kind: &str, line: &impl serde::Serialize) -> String {
        let mut buffer = Vec::new();
        append(&mut buffer, kind, line);
        String::from_utf8(buffer).unwrap()
    }

    proptest! {
        #[test]
        fn r33_the_encoding_by_hand_is_that_of_serde(
            numbers: [u64; 6],
            texts: [String; 6],
            some: [bool; 10],
            args: Vec<Option<u128>>,
        ) {
            let text = |at: usize| some[at].then(|| texts[at].as_str().into());
            let start = CallStart {
                parent: some[6].then_some(numbers[1]),
                tag: text(0),
                rule: text(1),
                version: text(2),
                resources: text(3),
                ..CallStart::new(numbers[0], numbers[2], &texts[4])
            };
            let start = start.decision(&texts[5], &texts[0]).args(args.iter().copied());
            prop_assert_eq!(encoded(&start), by_serde("start", &start));
            let zero = |at: usize| if some[at] { numbers[at - 4] } else { 0 };
            let end = CallEnd {
                waited_us: some[5].then_some(numbers[3]),
                took_us: zero(7),
                bytes: zero(8),
                saved_us: zero(9),
                write: text(0),
                miss: text(1),
                stale: text(2),
                error: text(3),
                attempt: some[4].then_some(7),
                ..CallEnd::new(numbers[0], numbers[1], &texts[4])
            };
            let end = if some[6] { end.node(&texts[5]).args(args) } else { end };
            prop_assert_eq!(encoded(&end), by_serde("end", &end));
        }
    }

    #[test]
    fn every_control_character_is_escaped_as_serde_does() {
        let all: String = (0..=0x7f_u8).map(char::from).chain("é\u{2028}".chars()).collect();
        let start = CallStart::new(0, u64::MAX, &all);
        assert_eq!(encoded(&start), by_serde("start", &start));
    }
}
