//! Amounts as people read them.

/// `1.5 MiB`.
pub(crate) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let (mut value, mut unit) = (bytes as f64, 0);
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{value:.1} {}", UNITS[unit]) }
}

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
        assert_eq!([bytes(0), bytes(1023), bytes(1536)], ["0 B", "1023 B", "1.5 KiB"]);
        assert_eq!([micros(0), micros(999), micros(1_500)], ["-", "999 µs", "1.5 ms"]);
        assert_eq!([micros(61_000_000), micros(200_000_000)], ["61.0 s", "3m 20s"]);
        assert_eq!(micros(7_260_000_000), "2h 01m");
    }
}
