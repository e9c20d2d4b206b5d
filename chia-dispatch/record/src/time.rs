//! Wall-clock time as text, in UTC.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Year, month, day, hour, minute, second, and microseconds.
fn civil(time: SystemTime) -> (i64, u32, u32, u64, u64, u64, u32) {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let (days, rest) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    // Days are counted in 400-year eras that begin on the first of March, so that the leap day is last.
    let shifted = i64::try_from(days).unwrap_or(0) + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = u32::try_from(day_of_year - (153 * month_from_march + 2) / 5 + 1).unwrap_or(1);
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let month = u32::try_from(month).unwrap_or(1);
    (year, month, day, rest / 3_600, rest / 60 % 60, rest % 60, since.subsec_micros())
}

/// `2026-11-24T13:22:34.123456Z`.
pub(crate) fn rfc3339(time: SystemTime) -> String {
    let (year, month, day, hour, minute, second, micros) = civil(time);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z")
}

/// A number of seconds since 1970 as `2026-11-24 13:22:34Z`.
#[must_use]
pub fn utc(seconds: u64) -> String {
    let time = rfc3339(UNIX_EPOCH + Duration::from_secs(seconds.min(1 << 36)));
    format!("{}Z", time.get(..19).unwrap_or_default().replace('T', " "))
}

/// `20261124T132234.123456Z`: sorts by time, and is a file name everywhere.
pub(crate) fn compact(time: SystemTime) -> String {
    let (year, month, day, hour, minute, second, micros) = civil(time);
    format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}.{micros:06}Z")
}

/// A duration in whole microseconds, as the lines of a record hold it; the largest number if there are more.
#[must_use]
pub fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_follow_the_calendar() {
        let at = |secs: u64| rfc3339(UNIX_EPOCH + Duration::from_secs(secs));
        assert_eq!(at(0), "1970-01-01T00:00:00.000000Z");
        assert_eq!(at(951_782_399), "2000-02-28T23:59:59.000000Z");
        assert_eq!(at(951_782_400), "2000-02-29T00:00:00.000000Z");
        assert_eq!(at(1_795_526_554), "2026-11-24T13:22:34.000000Z");
        assert_eq!(at(4_107_542_400), "2100-03-01T00:00:00.000000Z");
        let compacted = compact(UNIX_EPOCH + Duration::from_micros(1_795_526_554_123_456));
        assert_eq!(compacted, "20261124T132234.123456Z");
    }
}
