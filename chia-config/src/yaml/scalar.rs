//! What a scalar means, by the YAML 1.1 rules that PyYAML's users are used to.
//!
//! Source: <https://yaml.org/type/bool.html>, `null.html`, `int.html` and `float.html`, with
//! PyYAML's narrowing (`y` and `n` are strings; a float needs a dot).

use saphyr_parser::{ScalarStyle, Tag};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Number,
    Text {
        quoted: bool,
    },
    /// A value with a YAML tag of the user's own (`!env`), which has no meaning in a rules file.
    Custom(String),
}

impl Value {
    pub(crate) fn of(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Self {
        let quoted = style != ScalarStyle::Plain;
        let Some(tag) = tag else {
            return if quoted { Self::Text { quoted } } else { Self::plain(text) };
        };
        match (tag.is_yaml_core_schema(), tag.suffix.as_str()) {
            (true, "str") => Self::Text { quoted },
            (true, "bool" | "null" | "int" | "float") => Self::plain(text),
            (false, "") if tag.handle == "!" => Self::Text { quoted },
            _ => Self::Custom(tag.to_string()),
        }
    }

    /// The meaning of an unquoted scalar.
    fn plain(text: &str) -> Self {
        match text {
            "" | "~" | "null" | "Null" | "NULL" => Self::Null,
            "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
                Self::Bool(true)
            }
            "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
                Self::Bool(false)
            }
            _ if is_number(text) => Self::Number,
            _ => Self::Text { quoted: false },
        }
    }
}

fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(digits, ".inf" | ".Inf" | ".INF" | ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    if let Some(hex) = digits.strip_prefix("0x") {
        return !hex.is_empty() && hex.chars().all(|c| c.is_ascii_hexdigit() || c == '_');
    }
    if let Some(octal) = digits.strip_prefix("0o") {
        return !octal.is_empty() && octal.chars().all(|c| matches!(c, '0'..='7'));
    }
    // Covers decimal, octal and binary integers, floats, and base 60 (`1:30`).
    let mantissa = match digits.split_once(['e', 'E']) {
        Some((head, exponent)) if head.contains('.') && is_exponent(exponent) => head,
        Some(_) => return false,
        None => digits.strip_prefix("0b").unwrap_or(digits),
    };
    mantissa.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && mantissa.contains(|c: char| c.is_ascii_digit())
        && mantissa.chars().all(|c| c.is_ascii_digit() || matches!(c, '_' | '.' | ':'))
        && mantissa.matches('.').count() <= 1
        && !mantissa.ends_with(':')
}

fn is_exponent(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit())
}
