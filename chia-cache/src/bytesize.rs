//! Sizes in bytes as people write them: `4 GB`, `512KiB`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A number of bytes.
///
/// It parses from text such as `4 GB`, `512KiB` or `1.5 tb`. Every unit is a power of 1024, in any
/// case: `KB` and `KiB` mean the same. A plain number is bytes.
///
/// ```
/// use chia_cache::ByteSize;
///
/// let size: ByteSize = "4 GB".parse()?;
/// assert_eq!(size.bytes(), 4 * 1024 * 1024 * 1024);
/// assert_eq!(size.to_string(), "4 GiB");
/// # Ok::<(), chia_cache::ParseByteSizeError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ByteSize(u64);

const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];

impl ByteSize {
    /// A size of `bytes` bytes.
    #[must_use]
    pub const fn new(bytes: u64) -> Self {
        Self(bytes)
    }

    /// The size in bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.0
    }

    /// `amount` of `unit`: `from_parts(1.5, "KB")` is 1536 bytes. A fraction of a byte is dropped.
    ///
    /// # Errors
    /// When the unit is unknown, or the amount is negative, not a number, or too large for 64 bits.
    pub fn from_parts(amount: f64, unit: &str) -> Result<Self, ParseByteSizeError> {
        let fail = || ParseByteSizeError { text: format!("{amount} {unit}") };
        let factor = factor(unit).ok_or_else(fail)?;
        let bytes = amount * factor as f64;
        if !(0.0..u64::MAX as f64).contains(&bytes) {
            return Err(fail());
        }
        Ok(Self(bytes as u64))
    }
}

/// How many bytes one `unit` is; an empty unit is bytes.
fn factor(unit: &str) -> Option<u64> {
    let power = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "kb" | "kib" => 1,
        "mb" | "mib" => 2,
        "gb" | "gib" => 3,
        "tb" | "tib" => 4,
        _ => return None,
    };
    Some(1 << (10 * power))
}

impl FromStr for ByteSize {
    type Err = ParseByteSizeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fail = || ParseByteSizeError { text: text.to_owned() };
        let trimmed = text.trim();
        let split = trimmed.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(trimmed.len());
        let (amount, unit) = (trimmed[..split].trim(), &trimmed[split..]);
        let digits = amount.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        if amount.is_empty() || !digits {
            return Err(fail());
        }
        // Whole amounts stay exact above 2^53, where a float would round.
        if let Ok(whole) = amount.parse::<u64>() {
            let factor = factor(unit).ok_or_else(fail)?;
            return whole.checked_mul(factor).map(Self).ok_or_else(fail);
        }
        Self::from_parts(amount.parse().map_err(|_| fail())?, unit).map_err(|_| fail())
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut unit = 0;
        while unit + 1 < UNITS.len() && self.0 >> (10 * (unit + 1)) > 0 {
            unit += 1;
        }
        let whole = 1u64 << (10 * unit);
        if self.0.is_multiple_of(whole) {
            write!(f, "{} {}", self.0 / whole, UNITS[unit])
        } else {
            write!(f, "{:.1} {}", self.0 as f64 / whole as f64, UNITS[unit])
        }
    }
}

/// The text is not a size in bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not a size: write a number and one of B, KB, MB, GB, TB, KiB, MiB, GiB, TiB, such as `4 GB`"
)]
pub struct ParseByteSizeError {
    text: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r15_units_are_powers_of_1024_in_any_case() {
        for (text, bytes) in [
            ("0", 0),
            ("17", 17),
            ("1 B", 1),
            ("1kb", 1024),
            ("1 KiB", 1024),
            ("2 mB", 2 << 20),
            ("4 GB", 4 << 30),
            (" 4gib ", 4 << 30),
            ("1.5 TB", 3 << 39),
            ("9007199254740993", 9_007_199_254_740_993),
        ] {
            assert_eq!(text.parse::<ByteSize>().map(ByteSize::bytes), Ok(bytes), "{text}");
        }
        assert_eq!(ByteSize::from_parts(4.0, "GB"), Ok(ByteSize::new(4 << 30)));
    }

    #[test]
    fn what_is_not_a_size_is_refused_and_named() {
        for text in ["", "GB", "4 XB", "-1 KB", "1e3", "nan", "inf B", "1.2.3 MB", "99999999 TB"] {
            let error = text.parse::<ByteSize>().unwrap_err();
            assert!(error.to_string().contains(text), "{error}");
        }
    }

    #[test]
    fn sizes_print_in_the_largest_fitting_unit() {
        for (bytes, text) in
            [(0, "0 B"), (1023, "1023 B"), (1024, "1 KiB"), (1536, "1.5 KiB"), (4 << 30, "4 GiB")]
        {
            assert_eq!(ByteSize::new(bytes).to_string(), text);
        }
    }
}
