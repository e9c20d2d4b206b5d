//! The machine that a pickle is a program for, without its power: no name is looked up, and nothing is
//! called. Time and memory are linear in the pickle. The opcodes are those of `Lib/pickletools.py`.

use std::collections::HashMap;
use std::ops::Range;

use super::node::{Id, Node};
use super::numbers::{float, unsigned, whole};

/// What is wrong with a pickle.
#[derive(Debug, thiserror::Error)]
pub(super) enum DecodeError {
    #[error("it ends too early")]
    Cut,
    #[error("opcode {opcode:#04x} at byte {at} is unknown")]
    Unknown { opcode: u8, at: usize },
    #[error("opcode {opcode:#04x} at byte {at} does not fit what is before it")]
    Misplaced { opcode: u8, at: usize },
}

type Result<T> = std::result::Result<T, DecodeError>;

/// All nodes of a pickle, and which one is the value.
pub(super) fn decode(pickle: &[u8]) -> Result<(Vec<Node>, Id)> {
    let mut machine = Machine { pickle, ..Machine::default() };
    loop {
        let (at, opcode) = (machine.at, machine.take(1)?[0]);
        if opcode == b'.' {
            let root = machine.stack.pop();
            return Ok((machine.nodes, root.ok_or(DecodeError::Misplaced { opcode, at })?));
        }
        machine.step(opcode, at)?;
    }
}

#[derive(Default)]
struct Machine<'a> {
    pickle: &'a [u8],
    at: usize,
    nodes: Vec<Node>,
    stack: Vec<Id>,
    marks: Vec<usize>,
    memo: HashMap<u64, Id>,
}

impl<'a> Machine<'a> {
    fn step(&mut self, opcode: u8, at: usize) -> Result<()> {
        let done = match opcode {
            0x80 => self.take(1).map(|_| Some(()))?,
            0x95 => self.take(8).map(|_| Some(()))?,
            b'(' => {
                self.marks.push(self.stack.len());
                Some(())
            }
            b'0' => self.pop().map(drop),
            b'1' => self.items().map(drop),
            b'2' => self.stack.last().copied().map(|top| self.stack.push(top)),
            b'p' | b'q' | b'r' | 0x94 | b'g' | b'h' | b'j' => self.memory(opcode)?,
            b'a' | b'e' | 0x90 | b's' | b'u' | b'b' => self.fill(opcode),
            _ => {
                let node = match self.scalar(opcode)? {
                    None => self.collection(opcode, at)?,
                    found => found,
                };
                node.map(|node| self.push(node))
            }
        };
        done.ok_or(DecodeError::Misplaced { opcode, at })
    }

    /// What stands in the pickle itself.
    fn scalar(&mut self, opcode: u8) -> Result<Option<Node>> {
        Ok(Some(match opcode {
            b'N' => Node::None,
            0x88 => Node::Bool(true),
            0x89 => Node::Bool(false),
            b'J' => Node::Number(whole(self.take(4)?)),
            b'K' => Node::Number(unsigned(self.take(1)?).to_string()),
            b'M' => Node::Number(unsigned(self.take(2)?).to_string()),
            0x8a => Node::Number(self.sized(1).map(|range| whole(&self.pickle[range]))?),
            0x8b => Node::Number(self.sized(4).map(|range| whole(&self.pickle[range]))?),
            b'G' => {
                let bytes = self.take(8)?.try_into().map_err(|_| DecodeError::Cut)?;
                Node::Number(float(f64::from_be_bytes(bytes)))
            }
            b'I' => match self.line()? {
                "00" => Node::Bool(false),
                "01" => Node::Bool(true),
                number => Node::Number(number.to_owned()),
            },
            b'L' | b'F' => Node::Number(self.line()?.trim_end_matches('L').to_owned()),
            b'S' => Node::Literal(self.line()?.to_owned()),
            b'V' => Node::Literal(format!("'{}'", self.line()?)),
            b'U' | 0x8c => Node::Str(self.sized(1)?),
            b'T' | b'X' => Node::Str(self.sized(4)?),
            0x8d => Node::Str(self.sized(8)?),
            b'C' => Node::Bytes(self.sized(1)?),
            b'B' => Node::Bytes(self.sized(4)?),
            0x8e | 0x96 => Node::Bytes(self.sized(8)?),
            b'P' => Node::Literal(format!("<persistent {}>", self.line()?)),
            0x97 => Node::Literal("<a buffer outside of the pickle>".to_owned()),
            b'c' => Node::Global(format!("{}.{}", self.line()?, self.line()?)),
            0x82 => Node::Global(format!("extension {}", unsigned(self.take(1)?))),
            0x83 => Node::Global(format!("extension {}", unsigned(self.take(2)?))),
            0x84 => Node::Global(format!("extension {}", unsigned(self.take(4)?))),
            _ => return Ok(None),
        }))
    }

    /// What is made of other nodes; `None` if those are not there.
    fn collection(&mut self, opcode: u8, at: usize) -> Result<Option<Node>> {
        Ok(match opcode {
            b')' => Some(Node::Tuple(Vec::new())),
            b']' => Some(Node::List(Vec::new())),
            b'}' => Some(Node::Dict(Vec::new())),
            0x8f => Some(Node::Set(Vec::new())),
            b'l' => self.items().map(Node::List),
            b't' => self.items().map(Node::Tuple),
            0x91 => self.items().map(Node::Frozen),
            b'd' => self.items().and_then(pairs).map(Node::Dict),
            0x85..=0x87 => self.last(usize::from(opcode - 0x84)).map(Node::Tuple),
            0x93 => self.last(2).map(|names| Node::Global(self.name(&names))),
            b'R' | 0x81 => {
                self.last(2).map(|two| Node::Built { by: two[0], from: two[1], with: Vec::new() })
            }
            0x92 => self.last(3).map(|three| Node::Built {
                by: three[0],
                from: three[1],
                with: vec![three[2]],
            }),
            b'o' => self.items().and_then(|mut items| {
                let by = (!items.is_empty()).then(|| items.remove(0))?;
                Some(self.built(by, items))
            }),
            b'i' => {
                let name = format!("{}.{}", self.line()?, self.line()?);
                self.items().map(|items| {
                    let by = self.add(Node::Global(name));
                    self.built(by, items)
                })
            }
            b'Q' => self.pop().map(|_| Node::Literal("<persistent>".to_owned())),
            0x98 => {
                self.pop().map(|_| Node::Literal("<a buffer outside of the pickle>".to_owned()))
            }
            _ => return Err(DecodeError::Unknown { opcode, at }),
        })
    }

    fn built(&mut self, by: Id, from: Vec<Id>) -> Node {
        let from = self.add(Node::Tuple(from));
        Node::Built { by, from, with: Vec::new() }
    }

    /// Puts the top of the stack into what is below it.
    fn fill(&mut self, opcode: u8) -> Option<()> {
        let new = match opcode {
            b'a' | b'b' => self.last(1)?,
            b's' => self.last(2)?,
            _ => self.items()?,
        };
        let into = *self.stack.last()?;
        match self.nodes.get_mut(into)? {
            Node::List(items) | Node::Set(items) if opcode != b'b' => items.extend(new),
            Node::Dict(items) if opcode != b'b' => items.extend(pairs(new)?),
            Node::Built { with, .. } => with.extend(new),
            _ => return None,
        }
        Some(())
    }

    fn memory(&mut self, opcode: u8) -> Result<Option<()>> {
        let key = match opcode {
            b'q' | b'h' => unsigned(self.take(1)?),
            b'r' | b'j' => unsigned(self.take(4)?),
            0x94 => self.memo.len() as u64,
            _ => match self.line()?.parse() {
                Ok(key) => key,
                Err(_) => return Ok(None),
            },
        };
        Ok(if matches!(opcode, b'g' | b'h' | b'j') {
            self.memo.get(&key).map(|id| self.stack.push(*id))
        } else {
            self.stack.last().map(|top| {
                self.memo.insert(key, *top);
            })
        })
    }

    fn name(&self, parts: &[Id]) -> String {
        let part = |id: &Id| match self.nodes.get(*id) {
            Some(Node::Str(range)) => String::from_utf8_lossy(&self.pickle[range.clone()]),
            Some(Node::Literal(text)) => text.trim_matches('\'').into(),
            _ => "?".into(),
        };
        parts.iter().map(part).collect::<Vec<_>>().join(".")
    }

    fn add(&mut self, node: Node) -> Id {
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    fn push(&mut self, node: Node) {
        let id = self.add(node);
        self.stack.push(id);
    }

    /// The top of the stack, if it is above the last mark.
    fn pop(&mut self) -> Option<Id> {
        let floor = self.marks.last().copied().unwrap_or(0);
        if self.stack.len() > floor { self.stack.pop() } else { None }
    }

    /// The top `count` of the stack.
    fn last(&mut self, count: usize) -> Option<Vec<Id>> {
        let floor = self.marks.last().copied().unwrap_or(0);
        let from = self.stack.len().checked_sub(count).filter(|from| *from >= floor)?;
        Some(self.stack.split_off(from))
    }

    /// Everything above the last mark.
    fn items(&mut self) -> Option<Vec<Id>> {
        let mark = self.marks.pop()?;
        (mark <= self.stack.len()).then(|| self.stack.split_off(mark))
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let end = self.at.checked_add(count).ok_or(DecodeError::Cut)?;
        let taken = self.pickle.get(self.at..end).ok_or(DecodeError::Cut)?;
        self.at = end;
        Ok(taken)
    }

    /// The bytes behind a length of `width` bytes.
    fn sized(&mut self, width: usize) -> Result<Range<usize>> {
        let len = usize::try_from(unsigned(self.take(width)?)).map_err(|_| DecodeError::Cut)?;
        let start = self.at;
        self.take(len)?;
        Ok(start..self.at)
    }

    fn line(&mut self) -> Result<&'a str> {
        let rest = &self.pickle[self.at..];
        let end = rest.iter().position(|byte| *byte == b'\n').ok_or(DecodeError::Cut)?;
        self.at += end + 1;
        std::str::from_utf8(&rest[..end]).map_err(|_| DecodeError::Cut)
    }
}

fn pairs(items: Vec<Id>) -> Option<Vec<(Id, Id)>> {
    let pairs = items.chunks_exact(2);
    pairs.remainder().is_empty().then(|| pairs.map(|pair| (pair[0], pair[1])).collect())
}
