//! The `rehearse` option.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How a function is rehearsed: its calls take time, hold their resources, and compute nothing.
///
/// ```
/// use std::time::Duration;
///
/// use chia_config::Rehearsal;
///
/// let rehearsal = Rehearsal::new().with_pace(0.01).with_duration(Duration::from_secs(600));
/// assert_eq!(rehearsal.wait(Some(Duration::from_secs(100))), Some(Duration::from_secs(1)));
/// assert_eq!(rehearsal.wait(None), Some(Duration::from_secs(6)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rehearsal {
    pace: f64,
    duration: Option<Duration>,
    #[serde(default)]
    failures: Failures,
}

/// Which share of rehearsed calls fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Failures {
    /// None.
    #[default]
    None,
    /// This share, from 0 to 1.
    Share(f64),
    /// The share that failed in the last run that really ran the function.
    Recorded,
}

impl Default for Rehearsal {
    fn default() -> Self {
        Self::new()
    }
}

impl Rehearsal {
    /// Calls take as long as their recorded computation took.
    pub fn new() -> Self {
        Self { pace: 1.0, duration: None, failures: Failures::None }
    }

    /// Multiplies the time that calls take: 0 is at once, 1 as it was.
    ///
    /// # Panics
    /// The pace is negative or not finite.
    pub fn with_pace(self, pace: f64) -> Self {
        assert!(is_pace(pace), "a pace is a finite number from 0, and not {pace}");
        Self { pace, ..self }
    }

    /// The compute time of calls that have none recorded.
    pub fn with_duration(self, duration: Duration) -> Self {
        Self { duration: Some(duration), ..self }
    }

    /// The factor on the time that calls take.
    pub fn pace(&self) -> f64 {
        self.pace
    }

    /// The compute time of calls that have none recorded, if it is stated.
    pub fn duration(&self) -> Option<Duration> {
        self.duration
    }

    /// Lets a share of the calls fail: which ones, their tags decide, so that every rehearsal is the
    /// same.
    ///
    /// # Panics
    /// The share is not from 0 to 1.
    pub fn with_failures(self, failures: Failures) -> Self {
        if let Failures::Share(share) = failures {
            assert!(
                is_share(share),
                "a share of failures is a number from 0 to 1, and not {share}"
            );
        }
        Self { failures, ..self }
    }

    /// Which share of the calls fails.
    pub fn failures(&self) -> Failures {
        self.failures
    }

    /// How long a call takes whose computation is recorded to have taken `recorded`; `None` if
    /// neither the record nor the rule has a time.
    pub fn wait(&self, recorded: Option<Duration>) -> Option<Duration> {
        let seconds = recorded.or(self.duration)?.as_secs_f64() * self.pace;
        // Rules from the wire are not trusted to have a good pace.
        Some(Duration::try_from_secs_f64(seconds).unwrap_or_default())
    }
}

pub(crate) fn is_pace(pace: f64) -> bool {
    pace.is_finite() && pace >= 0.0
}

pub(crate) fn is_share(share: f64) -> bool {
    (0.0..=1.0).contains(&share)
}

/// Reads `90 s`, `1.5h`, `250 ms`, or a bare number of seconds.
pub(crate) fn parse_duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let seconds = match unit.trim() {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "min" => 60.0,
        "h" => 3_600.0,
        "d" => 86_400.0,
        _ => return None,
    };
    Duration::try_from_secs_f64(number.parse::<f64>().ok()? * seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        let seconds = |text| parse_duration(text).map(|duration| duration.as_secs_f64());
        assert_eq!(seconds("250 ms"), Some(0.25));
        assert_eq!(seconds("90"), Some(90.0));
        assert_eq!(seconds(" 2s "), Some(2.0));
        assert_eq!(seconds("40 min"), Some(2_400.0));
        assert_eq!(seconds("1.5h"), Some(5_400.0));
        assert_eq!(seconds("2 d"), Some(172_800.0));
        for bad in ["", "s", "-1", "1 m", "1.2.3", "1e400", "99999999999999999999999 d", "one"] {
            assert_eq!(seconds(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_pace_from_the_wire_that_is_none_waits_for_nothing() {
        for pace in [f64::NAN, -1.0, f64::INFINITY] {
            let rehearsal = Rehearsal { pace, ..Rehearsal::new() };
            assert_eq!(rehearsal.wait(Some(Duration::from_secs(1))), Some(Duration::ZERO));
        }
    }
}
