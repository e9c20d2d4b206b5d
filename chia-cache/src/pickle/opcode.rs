//! The opcodes that can stand around `data`; names and values as in CPython's `Lib/pickletools.py`.

pub(super) const PROTO: u8 = 0x80;
pub(super) const FRAME: u8 = 0x95;
pub(super) const STOP: u8 = b'.';
pub(super) const POP: u8 = b'0';
pub(super) const MARK: u8 = b'(';
pub(super) const TUPLE: u8 = b't';
pub(super) const TUPLE2: u8 = 0x86;

// Strings: text, and Python 2's byte strings, which Python 3 decodes as ASCII.
pub(super) const SHORT_BINUNICODE: u8 = 0x8c;
pub(super) const BINUNICODE: u8 = b'X';
pub(super) const BINUNICODE8: u8 = 0x8d;
pub(super) const SHORT_BINSTRING: u8 = b'U';
pub(super) const BINSTRING: u8 = b'T';

pub(super) const SHORT_BINBYTES: u8 = b'C';
pub(super) const BINBYTES: u8 = b'B';
pub(super) const BINBYTES8: u8 = 0x8e;
pub(super) const BYTEARRAY8: u8 = 0x96;

pub(super) const BINPUT: u8 = b'q';
pub(super) const LONG_BINPUT: u8 = b'r';
pub(super) const MEMOIZE: u8 = 0x94;

/// The protocols whose entries are understood. Earlier ones have no `PROTO` opcode to know them by.
pub(super) const PROTOCOLS: std::ops::RangeInclusive<u8> = 2..=5;

/// The first protocol with `FRAME` and `MEMOIZE`.
pub(super) const FIRST_FRAMED: u8 = 4;
