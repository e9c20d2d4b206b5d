//! Amounts as people read them.

/// `1.25 s`, from microseconds.
pub(crate) fn micros(micros: u64) -> String {
    let value = micros as f64;
    match micros {
        0 => "-".to_owned(),
        1..1_000 => format!("{micros} µs"),
        1_000..1_000_000 => format!("{:.1} ms", value / 1e3),
        1_000_000..120_000_000 => format!("{:.1} s", value / 1e6),
        120_000_000..7_200_000_000 => {
            format!("{}m {:02}s", micros / 60_000_000, micros / 1_000_000 % 60)
        }
        _ => format!("{}h {:02}m", micros / 3_600_000_000, micros / 60_000_000 % 60),
    }
}

/// A count, `-` for none.
pub(crate) fn count(count: u64) -> String {
    if count == 0 { "-".to_owned() } else { count.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_short() {
        assert_eq!([micros(0), micros(999), micros(1_500)], ["-", "999 µs", "1.5 ms"]);
        assert_eq!([micros(61_000_000), micros(200_000_000)], ["61.0 s", "3m 20s"]);
        assert_eq!(micros(7_260_000_000), "2h 01m");
    }
}
