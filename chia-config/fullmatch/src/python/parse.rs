//! Alternatives, sequences, repetitions.

use std::collections::HashMap;

use super::ast::{Assertion, Node, Repeat, Tree};
use super::escape::{character, octal, refusal, special};
use super::flags::Flags;
use super::tokens::{Refusal, Token, Tokens};
use super::width::can_be_empty;
use super::{class, group};

/// Groups may nest this deep. The bound limits the stack that a hostile pattern can use.
const MAX_DEPTH: usize = 60;

/// Reads a pattern.
pub(crate) fn parse(pattern: &str) -> Result<Tree, Refusal> {
    let mut parser = Parser::new(Tokens::new(pattern)?);
    let root = parser.alternation()?;
    if parser.tokens.peek().is_some() {
        return Err(refusal(parser.tokens.offset(), "`)` without its `(`"));
    }
    if let Some((group, offset)) = parser.conditions.iter().find(|(g, _)| *g >= parser.groups) {
        return Err(refusal(*offset, format!("there is no group {group}")));
    }
    Ok(Tree { root, refers_to_groups: parser.refers_to_groups })
}

pub(super) struct Parser {
    pub(super) tokens: Tokens,
    pub(super) flags: Flags,
    pub(super) depth: usize,
    /// One more than the highest group so far.
    pub(super) groups: u32,
    pub(super) names: HashMap<String, u32>,
    /// Groups whose `)` has not been seen.
    pub(super) open: Vec<u32>,
    /// Inside a look-behind: the first group that is inside it as well.
    pub(super) look_behind: Option<u32>,
    /// Groups that conditionals ask about, which may come later.
    pub(super) conditions: Vec<(u32, usize)>,
    pub(super) refers_to_groups: bool,
    /// Whether nothing has been read yet, so that global flags may come.
    pub(super) at_start: bool,
}

impl Parser {
    fn new(tokens: Tokens) -> Self {
        Self {
            tokens,
            flags: Flags::default(),
            depth: 0,
            groups: 1,
            names: HashMap::new(),
            open: Vec::new(),
            look_behind: None,
            conditions: Vec::new(),
            refers_to_groups: false,
            at_start: true,
        }
    }

    /// Reads up to the end or the `)` that closes the enclosing group.
    pub(super) fn alternation(&mut self) -> Result<Node, Refusal> {
        let mut branches = vec![self.sequence()?];
        while self.tokens.eat('|') {
            self.at_start = false;
            branches.push(self.sequence()?);
        }
        Ok(match branches.len() {
            1 => branches.remove(0),
            _ => Node::Alternation(branches),
        })
    }

    /// Reads up to the end, a `|` or a `)`.
    pub(super) fn sequence(&mut self) -> Result<Node, Refusal> {
        if self.depth > MAX_DEPTH {
            return Err(refusal(self.tokens.offset(), "groups are nested too deep"));
        }
        let mut items = Vec::new();
        while let Some(token) = self.tokens.peek() {
            if matches!(token, Token::Char('|' | ')')) {
                break;
            }
            let offset = self.tokens.offset();
            self.tokens.next();
            if self.flags.verbose && self.skip(token) {
                continue;
            }
            let node = match token {
                Token::Escape(c) => Some(self.escape(c, offset)?),
                Token::Char(c @ ('*' | '+' | '?' | '{')) => self.repeat(c, offset, &mut items)?,
                Token::Char('(') => group::read(self, offset)?,
                Token::Char(c) => Some(self.character(c, offset)?),
            };
            if let Some(node) = node {
                self.at_start = false;
                items.push(node);
            }
        }
        Ok(match items.len() {
            1 => items.remove(0),
            _ => Node::Concat(items),
        })
    }

    /// With `(?x)`: whether `token` is white space, or starts a comment, now consumed.
    fn skip(&mut self, token: Token) -> bool {
        match token {
            Token::Char(' ' | '\t' | '\n' | '\r' | '\u{b}' | '\u{c}') => true,
            Token::Char('#') => {
                while !matches!(self.tokens.next(), None | Some(Token::Char('\n'))) {}
                true
            }
            _ => false,
        }
    }

    fn character(&mut self, c: char, offset: usize) -> Result<Node, Refusal> {
        Ok(match (c, self.flags.multi_line) {
            ('.', _) => Node::Any { newline: self.flags.dot_all },
            ('^', false) => Node::Assert(Assertion::TextStart),
            ('^', true) => Node::Assert(Assertion::LineStart),
            ('$', false) => Node::Assert(Assertion::TextEndOrNewline),
            ('$', true) => Node::Assert(Assertion::LineEnd),
            ('[', _) => Node::Class(class::read(&mut self.tokens, self.flags, offset)?),
            _ => Node::Literal(c, self.flags.fold()),
        })
    }

    fn escape(&mut self, c: char, offset: usize) -> Result<Node, Refusal> {
        let fold = self.flags.fold();
        if c == '0' {
            let rest = self.tokens.take(2, |c| matches!(c, '0'..='7'));
            return octal(c, &rest, offset).map(|c| Node::Literal(c, fold));
        }
        if c.is_ascii_digit() {
            return self.numbered(c, offset);
        }
        match character(&mut self.tokens, c, offset)? {
            Some(c) => Ok(Node::Literal(c, fold)),
            None => special(c, self.flags, offset),
        }
    }

    /// `\12` is group 12, but `\123` is the character 0o123.
    fn numbered(&mut self, first: char, offset: usize) -> Result<Node, Refusal> {
        let is_octal = |c: char| matches!(c, '0'..='7');
        let mark = self.tokens.mark();
        if is_octal(first) {
            let rest = self.tokens.take(2, is_octal);
            if rest.len() == 2 {
                return octal(first, &rest, offset).map(|c| Node::Literal(c, self.flags.fold()));
            }
            self.tokens.back(mark);
        }
        let second = self.tokens.take(1, |c| c.is_ascii_digit());
        let group = format!("{first}{second}").parse().unwrap_or(u32::MAX);
        self.reference(group, offset)
    }

    pub(super) fn reference(&mut self, group: u32, offset: usize) -> Result<Node, Refusal> {
        if group >= self.groups {
            return Err(refusal(offset, format!("there is no group {group}")));
        }
        if self.open.contains(&group) {
            return Err(refusal(offset, "a reference to a group from inside it"));
        }
        self.outside_look_behind(group, offset)?;
        self.refers_to_groups = true;
        Ok(Node::BackReference(group, self.flags.fold()))
    }

    pub(super) fn outside_look_behind(&self, group: u32, offset: usize) -> Result<(), Refusal> {
        match self.look_behind {
            Some(first) if group >= first => {
                Err(refusal(offset, "a reference to a group of the same look-behind"))
            }
            _ => Ok(()),
        }
    }

    /// Wraps the last of `items`; or gives back a literal `{` that opens no repetition.
    fn repeat(
        &mut self,
        c: char,
        offset: usize,
        items: &mut Vec<Node>,
    ) -> Result<Option<Node>, Refusal> {
        let (min, max) = match c {
            '*' => (0, None),
            '+' => (1, None),
            '?' => (0, Some(1)),
            _ => match self.bounds(offset)? {
                Some(bounds) => bounds,
                None => return Ok(Some(Node::Literal('{', self.flags.fold()))),
            },
        };
        let body = match items.pop() {
            None | Some(Node::Assert(_)) => return Err(refusal(offset, "nothing to repeat")),
            Some(Node::Repeat { .. }) => {
                return Err(refusal(offset, "a repetition of a repetition needs parentheses"));
            }
            Some(node) => Box::new(node),
        };
        let kind = if self.tokens.eat('?') {
            Repeat::Lazy
        } else if self.tokens.eat('+') {
            Repeat::Possessive
        } else {
            Repeat::Greedy
        };
        // CPython and the back-tracker treat an empty round of such a loop differently.
        if kind == Repeat::Possessive && max != Some(1) && can_be_empty(&body) {
            let reason = "a possessive repetition of what can be empty is not supported";
            return Err(refusal(offset, reason));
        }
        Ok(Some(Node::Repeat { body, min, max, kind }))
    }

    /// The bounds after `{`; `None`, and nothing consumed, if it is a literal brace.
    fn bounds(&mut self, offset: usize) -> Result<Option<(u32, Option<u32>)>, Refusal> {
        let mark = self.tokens.mark();
        let digits = |c: char| c.is_ascii_digit();
        let low = self.tokens.take(usize::MAX, digits);
        let comma = self.tokens.eat(',');
        let high = if comma { self.tokens.take(usize::MAX, digits) } else { low.clone() };
        if (low.is_empty() && !comma) || !self.tokens.eat('}') {
            self.tokens.back(mark);
            return Ok(None);
        }
        let number = |text: &str| match text.parse::<u32>() {
            Ok(n) if n < u32::MAX => Ok(n),
            _ => Err(refusal(offset, "this repeat count is too large")),
        };
        let min = if low.is_empty() { 0 } else { number(&low)? };
        let max = if high.is_empty() { None } else { Some(number(&high)?) };
        if max.is_some_and(|max| max < min) {
            return Err(refusal(offset, "the least repeat count exceeds the greatest"));
        }
        Ok(Some((min, max)))
    }
}
