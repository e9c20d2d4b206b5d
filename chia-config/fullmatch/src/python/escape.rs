//! What follows a backslash.

use super::ast::{Assertion, Class, Item, Node, Perl};
use super::flags::Flags;
use super::tokens::{Refusal, Tokens};

/// A character escape, shared by sets and by the pattern outside them; `None` if `c` is
/// not one. The escape itself has been consumed, and stood at `offset`.
pub(super) fn character(
    tokens: &mut Tokens,
    c: char,
    offset: usize,
) -> Result<Option<char>, Refusal> {
    let fixed = match c {
        'a' => '\u{7}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\u{b}',
        'x' => return hex(tokens, 2, offset).map(Some),
        'u' => return hex(tokens, 4, offset).map(Some),
        'U' => return hex(tokens, 8, offset).map(Some),
        'N' => {
            return Err(refusal(offset, r"`\N{…}` is not supported: write the character itself"));
        }
        c if c.is_ascii_alphanumeric() => return Ok(None),
        c => c,
    };
    Ok(Some(fixed))
}

fn hex(tokens: &mut Tokens, digits: usize, offset: usize) -> Result<char, Refusal> {
    let text = tokens.take(digits, |c| c.is_ascii_hexdigit());
    if text.len() != digits {
        return Err(refusal(offset, format!("this escape needs {digits} hexadecimal digits")));
    }
    u32::from_str_radix(&text, 16)
        .ok()
        .and_then(char::from_u32)
        .ok_or_else(|| refusal(offset, "this escape names no Unicode character"))
}

/// `\d` and its kin.
pub(super) fn perl(c: char) -> Option<Item> {
    let kind = match c.to_ascii_lowercase() {
        'd' => Perl::Digit,
        's' => Perl::Space,
        'w' => Perl::Word,
        _ => return None,
    };
    Some(Item::Perl { kind, negated: c.is_ascii_uppercase() })
}

/// Up to three octal digits, the first of which is given.
pub(super) fn octal(first: char, rest: &str, offset: usize) -> Result<char, Refusal> {
    let value = u32::from_str_radix(&format!("{first}{rest}"), 8).unwrap_or(u32::MAX);
    match u8::try_from(value) {
        Ok(byte) => Ok(char::from(byte)),
        Err(_) => Err(refusal(offset, "an octal escape goes up to 0o377")),
    }
}

/// An escape that is neither a character nor a group reference.
pub(super) fn special(c: char, flags: Flags, offset: usize) -> Result<Node, Refusal> {
    let boundary = |negated| Assertion::WordBoundary { ascii: flags.ascii, negated };
    if let Some(item) = perl(c) {
        let Flags { ascii, .. } = flags;
        return Ok(Node::Class(Class {
            negated: false,
            items: vec![item],
            fold: flags.fold(),
            ascii,
        }));
    }
    match c {
        'A' => Ok(Node::Assert(Assertion::TextStart)),
        // `\z` is the same since Python 3.14.
        'Z' | 'z' => Ok(Node::Assert(Assertion::TextEnd)),
        'b' => Ok(Node::Assert(boundary(false))),
        'B' => Ok(Node::Assert(boundary(true))),
        _ => Err(unknown(c, offset)),
    }
}

pub(super) fn unknown(c: char, offset: usize) -> Refusal {
    refusal(offset, format!(r"`\{c}` means nothing in Python's `re`"))
}

pub(super) fn refusal(offset: usize, reason: impl Into<String>) -> Refusal {
    Refusal { offset, reason: reason.into() }
}
