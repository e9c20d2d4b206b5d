//! Numbers of pickles as text.

/// A whole number of more bytes is shown by its size.
const LONGEST: usize = 16;

/// A little-endian whole number in two's complement.
pub(super) fn whole(bytes: &[u8]) -> String {
    if bytes.len() > LONGEST {
        return format!("<a whole number of {} bytes>", bytes.len());
    }
    let negative = bytes.last().is_some_and(|last| *last >= 0x80);
    let mut wide = [if negative { 0xff } else { 0 }; LONGEST];
    wide[..bytes.len()].copy_from_slice(bytes);
    i128::from_le_bytes(wide).to_string()
}

/// A little-endian length or number without a sign.
pub(super) fn unsigned(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

/// A floating-point number as Python writes it.
pub(super) fn float(value: f64) -> String {
    match value {
        value if value.is_nan() => "nan".to_owned(),
        value if value.is_infinite() => if value > 0.0 { "inf" } else { "-inf" }.to_owned(),
        value => format!("{value:?}"),
    }
}
