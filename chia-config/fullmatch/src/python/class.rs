//! Sets: `[a-z]`.

use super::ast::{Class, Item};
use super::escape::{character, octal, perl, refusal, unknown};
use super::flags::Flags;
use super::tokens::{Refusal, Token, Tokens};

/// Reads a set whose `[` stood at `start` and has been consumed.
pub(super) fn read(tokens: &mut Tokens, flags: Flags, start: usize) -> Result<Class, Refusal> {
    let unterminated = || refusal(start, "`[` without its `]`");
    let negated = tokens.eat('^');
    let mut items = Vec::new();
    loop {
        // The first `]` is a member, not the end.
        if !items.is_empty() && tokens.eat(']') {
            break;
        }
        let offset = tokens.offset();
        let low = item(tokens)?.ok_or_else(unterminated)?;
        if !tokens.eat('-') {
            items.push(low);
            continue;
        }
        if tokens.eat(']') {
            items.extend([low, Item::Range('-', '-')]);
            break;
        }
        let high = item(tokens)?.ok_or_else(unterminated)?;
        match (low, high) {
            (Item::Range(low, _), Item::Range(high, _)) if low <= high => {
                items.push(Item::Range(low, high));
            }
            _ => return Err(refusal(offset, "bad character range")),
        }
    }
    Ok(Class { negated, items, fold: flags.fold(), ascii: flags.ascii })
}

fn item(tokens: &mut Tokens) -> Result<Option<Item>, Refusal> {
    let offset = tokens.offset();
    let c = match tokens.next() {
        None => return Ok(None),
        Some(Token::Char(c)) => c,
        Some(Token::Escape(c)) => {
            if let Some(item) = perl(c) {
                return Ok(Some(item));
            }
            escaped(tokens, c, offset)?
        }
    };
    Ok(Some(Item::Range(c, c)))
}

fn escaped(tokens: &mut Tokens, c: char, offset: usize) -> Result<char, Refusal> {
    match c {
        'b' => Ok('\u{8}'),
        '0'..='7' => {
            let rest = tokens.take(2, |c| matches!(c, '0'..='7'));
            octal(c, &rest, offset)
        }
        _ => character(tokens, c, offset)?.ok_or_else(|| unknown(c, offset)),
    }
}
