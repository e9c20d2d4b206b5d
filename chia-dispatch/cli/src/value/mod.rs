//! Stored values as text, in the notation of Python. Nothing is executed or imported: an object of a class
//! is shown as its name with what it would be built from.

mod decode;
mod node;
mod numbers;
mod render;

use chia_cache::Codec;

/// Pickles of more bytes are not decoded.
pub(crate) const LONGEST_PICKLE: usize = 4 << 20;

/// The text of a value, `limit` characters at most. `bytes` is the value, or the first
/// [`LONGEST_PICKLE`] bytes of one of `size` bytes.
pub(crate) fn text(bytes: &[u8], size: u64, codec: Codec, limit: usize) -> String {
    if codec == Codec::Raw {
        return render::raw(bytes, limit);
    }
    if size > bytes.len() as u64 {
        return format!("a pickle of {size} bytes, which is too large to be decoded");
    }
    match decode::decode(bytes) {
        Ok((nodes, root)) => render::render(bytes, &nodes, root, limit),
        Err(error) => format!("no pickle that can be decoded: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(pickle: &[u8]) -> String {
        text(pickle, pickle.len() as u64, Codec::Pickle, 400)
    }

    #[test]
    fn r34_plain_values_are_shown_as_python_writes_them() {
        for (pickle, expected) in [
            (&b"\x80\x04N."[..], "None"),
            (b"\x80\x04\x95\x0b\0\0\0\0\0\0\0\x8c\x05it's\n\x94.", r#""it's\n""#),
            (b"\x80\x02(K\x01J\xff\xff\xff\xffM\x01\x02\x88t.", "(1, -1, 513, True)"),
            (b"\x80\x02K\x01\x85.", "(1,)"),
            (b"\x80\x02\x8a\x09\0\0\0\0\0\0\0\0\x01.", "18446744073709551616"),
            (
                b"\x80\x02}q\0(U\x01aG?\xf8\0\0\0\0\0\0U\x01b]q\x01(K\x01K\x02eu.",
                "{'a': 1.5, 'b': [1, 2]}",
            ),
            (b"\x80\x04C\x03\x00a\xff.", r"b'\x00a\xff'"),
            (b"\x80\x04\x8f\x94(K\x01\x90.", "{1}"),
            (b"\x80\x04(K\x01\x91.", "frozenset({1})"),
            (b"(lp0\nI1\naI01\naS'x'\nag0\na.", "[1, True, 'x', [...]]"),
        ] {
            assert_eq!(shown(pickle), expected, "{pickle:?}");
        }
    }

    #[test]
    fn r34_nothing_of_a_value_is_executed() {
        assert_eq!(shown(b"cos\nsystem\n(S'touch /tmp/x'\ntR."), "<os.system>('touch /tmp/x')");
        let new = b"\x80\x04\x8c\x01m\x8c\x01C\x93)\x81}(\x8c\x01aK\x01ub.";
        assert_eq!(shown(new), "<m.C>() with {'a': 1}");
    }

    #[test]
    fn r34_a_value_that_grows_when_it_is_shown_is_cut() {
        // Thirty lists, each of which holds the one before twice; then a list that holds itself.
        let mut doubling = b"\x80\x02]q\x00".to_vec();
        for at in 0..30u8 {
            doubling.extend([b'0', b']', b'q', at + 1, b'(', b'h', at, b'h', at, b'e']);
        }
        doubling.push(b'.');
        let text = shown(&doubling);
        assert!(text.chars().count() <= 401 && text.ends_with('…'), "{text}");
        assert_eq!(shown(b"\x80\x02]q\x00h\x00a."), "[[...]]");
        let deep = [b"\x80\x02".to_vec(), vec![b']'; 100_000], vec![b'a'; 99_999], vec![b'.']];
        assert!(shown(&deep.concat()).contains("..."));
    }

    #[test]
    fn r34_damaged_pickles_are_errors_and_never_a_panic() {
        let whole =
            b"\x80\x04\x95\x1b\0\0\0\0\0\0\0}\x94(\x8c\x01a]\x94(K\x01K\x02e\x8c\x01bC\x01xu.";
        for end in 0..whole.len() {
            assert!(shown(&whole[..end]).starts_with("no pickle"), "{end}");
        }
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..20_000 {
            let mut damaged = whole.to_vec();
            for _ in 0..random.usize(1..4) {
                let at = random.usize(..damaged.len());
                damaged[at] = random.u8(..);
            }
            shown(&damaged);
        }
        assert!(shown(b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x7fx.").starts_with("no pickle"));
    }

    #[test]
    fn r34_raw_values_are_text_or_bytes() {
        assert_eq!(text(b"a\nb", 3, Codec::Raw, 10), "a\nb");
        assert_eq!(text(b"a\x1b[31mb", 7, Codec::Raw, 20), "a\\u{1b}[31mb");
        assert_eq!(text(b"\xff\x00", 2, Codec::Raw, 20), r"b'\xff\x00'");
        assert_eq!(text("é".repeat(50).as_bytes(), 100, Codec::Raw, 10), "é".repeat(10) + "…");
    }
}
