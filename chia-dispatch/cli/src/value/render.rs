//! Nodes as text. A value that holds itself, is deep, or would be long is cut: each step writes at least
//! a character, so the limit bounds the time as well.

use super::node::{Id, Node};

/// Values are shown to this depth.
const DEEPEST: usize = 40;

/// Plain bytes: as text if they are UTF-8.
pub(super) fn raw(bytes: &[u8], limit: usize) -> String {
    let mut out = Text { text: String::new(), left: limit };
    match std::str::from_utf8(bytes) {
        Ok(text) => {
            for c in text.chars() {
                if c.is_control() && !matches!(c, '\n' | '\t') {
                    c.escape_debug().for_each(|c| out.push(c));
                } else {
                    out.push(c);
                }
            }
        }
        Err(_) => out.bytes(bytes),
    }
    out.text
}

pub(super) fn render(pickle: &[u8], nodes: &[Node], root: Id, limit: usize) -> String {
    let out = Text { text: String::new(), left: limit };
    let mut render = Render { pickle, nodes, path: Vec::new(), out };
    render.node(root);
    render.out.text
}

struct Render<'a> {
    pickle: &'a [u8],
    nodes: &'a [Node],
    /// The collections around the node.
    path: Vec<Id>,
    out: Text,
}

impl Render<'_> {
    fn node(&mut self, id: Id) {
        let Some(node) = self.nodes.get(id) else { return };
        if self.out.is_full() {
            return;
        }
        let around = self.path.contains(&id) || self.path.len() >= DEEPEST;
        self.path.push(id);
        match node {
            Node::None => self.out.str("None"),
            Node::Bool(true) => self.out.str("True"),
            Node::Bool(false) => self.out.str("False"),
            Node::Number(text) | Node::Literal(text) => self.out.printable(text),
            Node::Str(range) => {
                let text = String::from_utf8_lossy(&self.pickle[range.clone()]);
                self.out.quoted(&text);
            }
            Node::Bytes(range) => self.out.bytes(&self.pickle[range.clone()]),
            Node::Global(name) => {
                self.out.push('<');
                self.out.printable(name);
                self.out.push('>');
            }
            Node::List(items) => self.list("[", items, "]", around),
            Node::Tuple(items) if items.len() == 1 => self.list("(", items, ",)", around),
            Node::Tuple(items) => self.list("(", items, ")", around),
            Node::Set(items) if items.is_empty() => self.out.str("set()"),
            Node::Set(items) => self.list("{", items, "}", around),
            Node::Frozen(items) => self.list("frozenset({", items, "})", around),
            Node::Dict(items) => self.dict(items, around),
            Node::Built { .. } if around => self.out.str("..."),
            Node::Built { by, from, with } => self.built(*by, *from, with),
        }
        self.path.pop();
    }

    fn list(&mut self, open: &str, items: &[Id], close: &str, around: bool) {
        self.out.str(open);
        if around {
            self.out.str("...");
        } else {
            for (at, item) in items.iter().enumerate() {
                if self.out.is_full() {
                    return;
                }
                self.out.str(if at > 0 { ", " } else { "" });
                self.node(*item);
            }
        }
        self.out.str(if around { close.trim_start_matches(',') } else { close });
    }

    fn dict(&mut self, items: &[(Id, Id)], around: bool) {
        self.out.push('{');
        if around {
            self.out.str("...");
        } else {
            for (at, (key, value)) in items.iter().enumerate() {
                if self.out.is_full() {
                    return;
                }
                self.out.str(if at > 0 { ", " } else { "" });
                self.node(*key);
                self.out.str(": ");
                self.node(*value);
            }
        }
        self.out.push('}');
    }

    fn built(&mut self, by: Id, from: Id, with: &[Id]) {
        self.node(by);
        match self.nodes.get(from) {
            Some(Node::Tuple(items)) => self.list("(", items, ")", false),
            _ => self.node(from),
        }
        for (at, more) in with.iter().enumerate() {
            if self.out.is_full() {
                return;
            }
            self.out.str(if at == 0 { " with " } else { ", " });
            self.node(*more);
        }
    }
}

/// Text up to a number of characters; what is cut ends in an ellipsis.
struct Text {
    text: String,
    left: usize,
}

impl Text {
    fn is_full(&self) -> bool {
        self.left == 0 && self.text.ends_with('…')
    }

    fn push(&mut self, c: char) {
        if self.left > 0 {
            self.left -= 1;
            self.text.push(c);
        } else if !self.text.ends_with('…') {
            self.text.push('…');
        }
    }

    fn str(&mut self, text: &str) {
        text.chars().for_each(|c| self.push(c));
    }

    fn printable(&mut self, text: &str) {
        for c in text.chars() {
            if self.is_full() {
                return;
            }
            if c.is_control() { c.escape_debug().for_each(|c| self.push(c)) } else { self.push(c) }
        }
    }

    fn quoted(&mut self, text: &str) {
        let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
        self.push(quote);
        for c in text.chars() {
            match c {
                _ if self.is_full() => return,
                '\\' => self.str("\\\\"),
                c if c == quote => {
                    self.push('\\');
                    self.push(c);
                }
                c if c.is_control() => c.escape_debug().for_each(|c| self.push(c)),
                c => self.push(c),
            }
        }
        self.push(quote);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.str("b'");
        for byte in bytes {
            if self.is_full() {
                return;
            }
            match byte {
                b'\\' | b'\'' => self.str(&format!("\\{}", char::from(*byte))),
                b'\n' => self.str("\\n"),
                b'\t' => self.str("\\t"),
                b'\r' => self.str("\\r"),
                0x20..0x7f => self.push(char::from(*byte)),
                _ => self.str(&format!("\\x{byte:02x}")),
            }
        }
        self.push('\'');
    }
}
