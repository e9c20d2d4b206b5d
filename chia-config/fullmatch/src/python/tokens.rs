//! A pattern's characters; a backslash and what follows it are one token.

/// Why a pattern is refused, and at which character.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) offset: usize,
    pub(crate) reason: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    Char(char),
    Escape(char),
}

pub(super) struct Tokens {
    tokens: Vec<(usize, Token)>,
    next: usize,
    end: usize,
}

impl Tokens {
    pub(super) fn new(pattern: &str) -> Result<Self, Refusal> {
        let (mut tokens, mut chars) = (Vec::new(), pattern.chars().enumerate());
        while let Some((at, c)) = chars.next() {
            let token = match c {
                '\\' => Token::Escape(chars.next().ok_or_else(|| dangling(at))?.1),
                c => Token::Char(c),
            };
            tokens.push((at, token));
        }
        let end = pattern.chars().count();
        Ok(Self { tokens, next: 0, end })
    }

    pub(super) fn peek(&self) -> Option<Token> {
        self.tokens.get(self.next).map(|(_, token)| *token)
    }

    pub(super) fn next(&mut self) -> Option<Token> {
        let token = self.peek()?;
        self.next += 1;
        Some(token)
    }

    /// Consumes `c` if it is next.
    pub(super) fn eat(&mut self, c: char) -> bool {
        let found = self.peek() == Some(Token::Char(c));
        self.next += usize::from(found);
        found
    }

    /// Consumes up to `limit` characters that satisfy `wanted`.
    pub(super) fn take(&mut self, limit: usize, wanted: impl Fn(char) -> bool) -> String {
        let mut taken = String::new();
        while taken.len() < limit
            && let Some(Token::Char(c)) = self.peek()
            && wanted(c)
        {
            taken.push(c);
            self.next += 1;
        }
        taken
    }

    /// Consumes everything up to `end`, and `end`.
    pub(super) fn until(&mut self, end: char) -> Option<String> {
        let mut taken = String::new();
        loop {
            match self.next()? {
                Token::Char(c) if c == end => return Some(taken),
                Token::Char(c) => taken.push(c),
                Token::Escape(c) => taken.extend(['\\', c]),
            }
        }
    }

    /// A mark to go [`back`](Self::back) to.
    pub(super) fn mark(&self) -> usize {
        self.next
    }

    pub(super) fn back(&mut self, mark: usize) {
        self.next = mark;
    }

    /// The character offset of the next token.
    pub(super) fn offset(&self) -> usize {
        self.tokens.get(self.next).map_or(self.end, |(at, _)| *at)
    }
}

fn dangling(offset: usize) -> Refusal {
    Refusal { offset, reason: "a backslash at the end of the pattern".into() }
}
