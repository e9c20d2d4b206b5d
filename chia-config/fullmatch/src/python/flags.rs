//! Inline flags: `(?i)` for the whole pattern, `(?i-s:…)` for a part.

use super::ast::Fold;
use super::tokens::{Refusal, Token, Tokens};

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Flags {
    pub(super) ignore_case: bool,
    pub(super) multi_line: bool,
    pub(super) dot_all: bool,
    pub(super) verbose: bool,
    pub(super) ascii: bool,
}

impl Flags {
    pub(super) fn fold(self) -> Fold {
        match (self.ignore_case, self.ascii) {
            (false, _) => Fold::Exact,
            (true, false) => Fold::Unicode,
            (true, true) => Fold::Ascii,
        }
    }

    fn set(&mut self, letter: char, on: bool) {
        match letter {
            'i' => self.ignore_case = on,
            'm' => self.multi_line = on,
            's' => self.dot_all = on,
            'x' => self.verbose = on,
            'a' => self.ascii = on,
            'u' => self.ascii = !on,
            _ => {}
        }
    }
}

/// What a flag group turned out to be.
pub(super) enum FlagGroup {
    /// `(?i)`, closed.
    Global(Flags),
    /// `(?i:`, with its body still to come.
    Scoped(Flags),
}

/// Reads flags after `(?`, the first letter (or `-`) not yet consumed.
pub(super) fn read(tokens: &mut Tokens, outer: Flags) -> Result<FlagGroup, Refusal> {
    let refuse = |offset, reason: &str| Err(Refusal { offset, reason: reason.into() });
    let offset = tokens.offset();
    let on = tokens.take(usize::MAX, |c| c.is_ascii_alphabetic());
    check(&on, "aimsux", offset)?;
    if on.contains('a') && on.contains('u') {
        return refuse(offset, "the flags `a` and `u` exclude each other");
    }
    let mut flags = outer;
    on.chars().for_each(|letter| flags.set(letter, true));
    if tokens.eat(')') {
        return Ok(FlagGroup::Global(flags));
    }
    if tokens.eat('-') {
        let offset = tokens.offset();
        let off = tokens.take(usize::MAX, |c| c.is_ascii_alphabetic());
        check(&off, "imsx", offset)?;
        if off.is_empty() {
            return refuse(offset, "a flag is missing after `-`");
        }
        if off.chars().any(|letter| on.contains(letter)) {
            return refuse(offset, "a flag is turned on and off at once");
        }
        off.chars().for_each(|letter| flags.set(letter, false));
    }
    match tokens.next() {
        Some(Token::Char(':')) => Ok(FlagGroup::Scoped(flags)),
        _ => refuse(offset, "inline flags must end with `:` or `)`"),
    }
}

fn check(letters: &str, allowed: &str, offset: usize) -> Result<(), Refusal> {
    match letters.chars().position(|letter| !allowed.contains(letter)) {
        None => Ok(()),
        Some(at) => Err(Refusal {
            offset: offset + at,
            reason: "this inline flag is unknown, or cannot be used here".into(),
        }),
    }
}
