//! Parentheses and their extensions.

use super::ast::Node;
use super::escape::refusal;
use super::flags::{self, FlagGroup};
use super::parse::Parser;
use super::tokens::{Refusal, Token};
use super::width::width;

/// Reads a group whose `(` stood at `start` and has been consumed; `None` for a comment
/// and for global flags, which leave no node.
pub(super) fn read(parser: &mut Parser, start: usize) -> Result<Option<Node>, Refusal> {
    if !parser.tokens.eat('?') {
        return capture(parser, start, None).map(Some);
    }
    let mark = parser.tokens.mark();
    let node = match parser.tokens.next() {
        Some(Token::Char(':')) => Node::Group(Box::new(body(parser, start)?)),
        Some(Token::Char('>')) => Node::Atomic(Box::new(body(parser, start)?)),
        Some(Token::Char('#')) => {
            let end = parser.tokens.until(')');
            return match end {
                Some(_) => Ok(None),
                None => Err(refusal(start, "a comment without its `)`")),
            };
        }
        Some(Token::Char('=')) => look_ahead(parser, start, false)?,
        Some(Token::Char('!')) => look_ahead(parser, start, true)?,
        Some(Token::Char('<')) => look_behind(parser, start)?,
        Some(Token::Char('(')) => conditional(parser, start)?,
        Some(Token::Char('P')) => named(parser, start)?,
        Some(Token::Char(c)) if c == '-' || c.is_ascii_alphabetic() => {
            parser.tokens.back(mark);
            return flag_group(parser, start);
        }
        _ => return Err(unknown(start)),
    };
    Ok(Some(node))
}

fn unknown(start: usize) -> Refusal {
    refusal(start, "this kind of group means nothing in Python's `re`")
}

/// The inside of a group and its `)`. Flags set inside end there.
fn body(parser: &mut Parser, start: usize) -> Result<Node, Refusal> {
    parser.at_start = false;
    let flags = parser.flags;
    parser.depth += 1;
    let node = parser.alternation()?;
    parser.depth -= 1;
    parser.flags = flags;
    close(parser, start)?;
    Ok(node)
}

fn close(parser: &mut Parser, start: usize) -> Result<(), Refusal> {
    match parser.tokens.eat(')') {
        true => Ok(()),
        false => Err(refusal(start, "`(` without its `)`")),
    }
}

fn capture(parser: &mut Parser, start: usize, name: Option<String>) -> Result<Node, Refusal> {
    let group = parser.groups;
    parser.groups += 1;
    if let Some(name) = name
        && parser.names.insert(name, group).is_some()
    {
        return Err(refusal(start, "a second group of this name"));
    }
    parser.open.push(group);
    let node = body(parser, start)?;
    parser.open.pop();
    Ok(Node::Capture(Box::new(node)))
}

/// `(?P<name>…)` and `(?P=name)`.
fn named(parser: &mut Parser, start: usize) -> Result<Node, Refusal> {
    let (end, is_reference) = match parser.tokens.next() {
        Some(Token::Char('<')) => ('>', false),
        Some(Token::Char('=')) => (')', true),
        _ => return Err(unknown(start)),
    };
    let name = parser.tokens.until(end).filter(|name| is_identifier(name));
    let name = name.ok_or_else(|| refusal(start, "a group's name must be an identifier"))?;
    if !is_reference {
        return capture(parser, start, Some(name));
    }
    match parser.names.get(&name) {
        Some(group) => parser.reference(*group, start),
        None => Err(refusal(start, format!("there is no group called `{name}`"))),
    }
}

fn is_identifier(name: &str) -> bool {
    let letter = |c: char| c == '_' || c.is_alphabetic();
    name.starts_with(letter) && name.chars().all(|c| letter(c) || c.is_numeric())
}

fn look_ahead(parser: &mut Parser, start: usize, negated: bool) -> Result<Node, Refusal> {
    let body = Box::new(body(parser, start)?);
    Ok(Node::Look { ahead: true, negated, body })
}

fn look_behind(parser: &mut Parser, start: usize) -> Result<Node, Refusal> {
    let negated = match parser.tokens.next() {
        Some(Token::Char('=')) => false,
        Some(Token::Char('!')) => true,
        _ => return Err(unknown(start)),
    };
    let outer = parser.look_behind;
    parser.look_behind = outer.or(Some(parser.groups));
    let body = Box::new(body(parser, start)?);
    parser.look_behind = outer;
    match width(&body) {
        Some((low, high)) if low == high => Ok(Node::Look { ahead: false, negated, body }),
        _ => Err(refusal(start, "a look-behind needs a fixed width")),
    }
}

/// `(?(1)yes|no)` and `(?(name)yes|no)`.
fn conditional(parser: &mut Parser, start: usize) -> Result<Node, Refusal> {
    let name = parser.tokens.until(')').unwrap_or_default();
    let group = match name.parse::<u32>() {
        Ok(group) if group > 0 && name.chars().all(|c| c.is_ascii_digit()) => group,
        _ => match parser.names.get(&name) {
            Some(group) => *group,
            None => return Err(refusal(start, format!("there is no group `{name}`"))),
        },
    };
    // CPython and the back-tracker disagree on whether an open group has matched.
    if parser.open.contains(&group) {
        return Err(refusal(start, "a condition on a group from inside it is not supported"));
    }
    parser.conditions.push((group, start));
    parser.refers_to_groups = true;
    parser.outside_look_behind(group, start)?;
    parser.at_start = false;
    let flags = parser.flags;
    parser.depth += 1;
    let yes = Box::new(parser.sequence()?);
    let no = match parser.tokens.eat('|') {
        true => Box::new(parser.sequence()?),
        false => Box::new(Node::Concat(Vec::new())),
    };
    parser.depth -= 1;
    parser.flags = flags;
    if parser.tokens.eat('|') {
        return Err(refusal(start, "a conditional has at most two branches"));
    }
    close(parser, start)?;
    Ok(Node::Conditional { group, yes, no })
}

fn flag_group(parser: &mut Parser, start: usize) -> Result<Option<Node>, Refusal> {
    match flags::read(&mut parser.tokens, parser.flags)? {
        FlagGroup::Global(_) if !parser.at_start => {
            Err(refusal(start, "flags for the whole pattern must stand at its start"))
        }
        FlagGroup::Global(flags) => {
            parser.flags = flags;
            Ok(None)
        }
        FlagGroup::Scoped(flags) => {
            let outer = std::mem::replace(&mut parser.flags, flags);
            let node = body(parser, start)?;
            parser.flags = outer;
            Ok(Some(Node::Group(Box::new(node))))
        }
    }
}
