//! A pattern in the engines' syntax.
//!
//! Everything is spelled out (characters as code points, flags as scoped groups), so that
//! both engines read it the same way. Python's `\w` is "letter, number or underscore" and
//! its `\s` has four control characters more than Unicode's; both are written as sets.

use std::fmt::Write as _;

use crate::python::{Assertion, Class, Fold, Item, Node, Perl, Repeat, Tree};

/// A pattern for `regex-automata` or, if it is `hard`, for `fancy-regex`.
pub(crate) struct Emitted {
    pub(crate) text: String,
    /// Whether a back-tracking engine is needed.
    pub(crate) hard: bool,
}

/// Writes the whole of `tree`, tied to both ends of the text.
pub(crate) fn emit(tree: &Tree) -> Emitted {
    let mut emitter = Emitter {
        out: String::from(r"\A(?:"),
        hard: tree.refers_to_groups,
        capture: tree.refers_to_groups,
    };
    emitter.node(&tree.root, true);
    emitter.out.push_str(r")\z");
    Emitted { text: emitter.out, hard: emitter.hard }
}

struct Emitter {
    out: String,
    hard: bool,
    capture: bool,
}

impl Emitter {
    /// With `last`, only the end of the text can follow the node.
    fn node(&mut self, node: &Node, last: bool) {
        match node {
            Node::Literal(c, fold) => self.literal(*c, *fold),
            Node::Any { newline: false } => self.out.push_str(r"[^\n]"),
            Node::Any { newline: true } => self.out.push_str("(?s:.)"),
            Node::Class(class) => self.class(class),
            Node::Assert(assertion) => self.assertion(*assertion, last),
            Node::Group(body) => self.group("(?:", body, last),
            Node::Capture(body) if self.capture => self.group("(", body, last),
            Node::Capture(body) => self.group("(?:", body, last),
            Node::BackReference(group, fold) => {
                let flag = if *fold == Fold::Exact { "" } else { "i" };
                self.put(format_args!(r"(?{flag}:\{group})"));
            }
            Node::Look { ahead, negated, body } => {
                let open = match (ahead, negated) {
                    (true, false) => "(?=",
                    (true, true) => "(?!",
                    (false, false) => "(?<=",
                    (false, true) => "(?<!",
                };
                self.hard(open, body, false);
            }
            Node::Atomic(body) => self.hard("(?>", body, last),
            Node::Conditional { group, yes, no } => {
                self.put(format_args!("(?({group})"));
                self.node(yes, last);
                self.out.push('|');
                self.node(no, last);
                self.out.push(')');
            }
            Node::Repeat { body, min, max, kind } => self.repeat(body, *min, *max, *kind),
            Node::Concat(items) => {
                for (at, item) in items.iter().enumerate() {
                    self.node(item, last && at + 1 == items.len());
                }
            }
            Node::Alternation(branches) => self.alternation(branches, last),
        }
    }

    fn put(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a `String` cannot fail.
        let _ = self.out.write_fmt(text);
    }

    fn group(&mut self, open: &str, body: &Node, last: bool) {
        self.out.push_str(open);
        self.node(body, last);
        self.out.push(')');
    }

    fn hard(&mut self, open: &str, body: &Node, last: bool) {
        self.hard = true;
        self.group(open, body, last);
    }

    fn alternation(&mut self, branches: &[Node], last: bool) {
        self.out.push_str("(?:");
        for (at, branch) in branches.iter().enumerate() {
            if at > 0 {
                self.out.push('|');
            }
            self.node(branch, last);
        }
        self.out.push(')');
    }

    fn repeat(&mut self, body: &Node, min: u32, max: Option<u32>, kind: Repeat) {
        if kind == Repeat::Possessive {
            self.hard = true;
            self.out.push_str("(?>");
        }
        self.group("(?:", body, false);
        match (min, max) {
            (0, None) => self.out.push('*'),
            (1, None) => self.out.push('+'),
            (0, Some(1)) => self.out.push('?'),
            (min, None) => self.put(format_args!("{{{min},}}")),
            (min, Some(max)) => self.put(format_args!("{{{min},{max}}}")),
        }
        match kind {
            Repeat::Greedy => {}
            Repeat::Lazy => self.out.push('?'),
            Repeat::Possessive => self.out.push(')'),
        }
    }

    fn assertion(&mut self, assertion: Assertion, last: bool) {
        match assertion {
            Assertion::TextStart => self.out.push_str(r"\A"),
            Assertion::TextEnd => self.out.push_str(r"\z"),
            Assertion::TextEndOrNewline if last => self.out.push_str(r"\z"),
            Assertion::TextEndOrNewline => {
                self.hard = true;
                self.out.push_str(r"(?=\n?\z)");
            }
            Assertion::LineStart => self.out.push_str("(?m:^)"),
            Assertion::LineEnd => self.out.push_str("(?m:$)"),
            Assertion::WordBoundary { ascii, negated } => self.boundary(ascii, negated),
        }
    }

    /// The engines' own `\b` goes by another `\w`. Python's `\B` (up to 3.13) does not
    /// match the empty text.
    fn boundary(&mut self, ascii: bool, negated: bool) {
        self.hard = true;
        let w = if ascii { "[0-9A-Za-z_]" } else { r"[\p{L}\p{N}_]" };
        if negated {
            self.put(format_args!(r"(?:(?<={w})(?={w})|(?<!{w})(?!{w})(?!\A\z))"));
        } else {
            self.put(format_args!("(?:(?<={w})(?!{w})|(?<!{w})(?={w}))"));
        }
    }

    fn literal(&mut self, c: char, fold: Fold) {
        match fold {
            Fold::Exact if c.is_ascii_alphanumeric() || c == '_' => self.out.push(c),
            Fold::Exact => self.put(format_args!(r"\x{{{:X}}}", u32::from(c))),
            _ => self.class(&Class {
                negated: false,
                items: vec![Item::Range(c, c)],
                fold,
                ascii: fold == Fold::Ascii,
            }),
        }
    }

    fn class(&mut self, class: &Class) {
        let folds = class.fold == Fold::Unicode;
        self.out.push_str(if folds { "(?i:[" } else { "[" });
        if class.negated {
            self.out.push('^');
        }
        for item in &class.items {
            match *item {
                Item::Perl { kind, negated } => self.perl(kind, negated, class.ascii),
                Item::Range(low, high) => self.range(low, high, class.fold),
            }
        }
        self.out.push_str(if folds { "])" } else { "]" });
    }

    fn range(&mut self, low: char, high: char, fold: Fold) {
        self.put(format_args!(r"\x{{{:X}}}-\x{{{:X}}}", u32::from(low), u32::from(high)));
        let touches = |from: char, to: char| low <= to && from <= high;
        match fold {
            Fold::Exact => {}
            Fold::Ascii => {
                self.other_case(low.max('a'), high.min('z'), -32);
                self.other_case(low.max('A'), high.min('Z'), 32);
            }
            // Python treats the four i's as equal, dotted and dotless.
            Fold::Unicode if touches('i', 'i') || touches('I', 'I') || touches('İ', 'ı') => {
                self.out.push_str("iİı");
            }
            Fold::Unicode => {}
        }
    }

    fn other_case(&mut self, low: char, high: char, by: i32) {
        if low <= high {
            let shift = |c: char| u32::from(c).saturating_add_signed(by);
            self.put(format_args!(r"\x{{{:X}}}-\x{{{:X}}}", shift(low), shift(high)));
        }
    }

    fn perl(&mut self, kind: Perl, negated: bool, ascii: bool) {
        self.out.push_str(if negated { "[^" } else { "[" });
        self.out.push_str(match (kind, ascii) {
            (Perl::Digit, false) => r"\p{Nd}",
            (Perl::Digit, true) => "0-9",
            (Perl::Space, false) => r"\p{White_Space}\x{1C}-\x{1F}",
            (Perl::Space, true) => r"\x{9}-\x{D}\x{20}",
            (Perl::Word, false) => r"\p{L}\p{N}_",
            (Perl::Word, true) => "0-9A-Za-z_",
        });
        self.out.push(']');
    }
}
