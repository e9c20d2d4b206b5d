//! One figure: ours, the reference, and whether the aim is met.

use std::fmt;

use serde::{Serialize, Serializer};

/// What a figure should reach.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Aim {
    /// `ours / reference` is this or less.
    RatioAtMost(f64),
    /// `ours / reference` is this or more.
    RatioAtLeast(f64),
    /// Ours, in the figure's unit, is this or less.
    AtMost(f64),
    /// Ours, in the figure's unit, is this or more.
    AtLeast(f64),
}

impl fmt::Display for Aim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RatioAtMost(x) => write!(f, "ratio <= {x}"),
            Self::RatioAtLeast(x) => write!(f, "ratio >= {x}"),
            Self::AtMost(x) => write!(f, "ours <= {x}"),
            Self::AtLeast(x) => write!(f, "ours >= {x}"),
        }
    }
}

impl Serialize for Aim {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// One measured figure. Without a reference there is no ratio, without an aim nothing to meet.
#[derive(Clone, Debug, Serialize)]
pub struct Figure {
    /// The group it belongs to; filled in by the report.
    pub group: &'static str,
    /// What was measured, and against what.
    pub case: String,
    /// Our value.
    pub ours: f64,
    /// The value of what we compare with.
    pub reference: Option<f64>,
    /// Of both values: `ns`, `B`, `calls/s`, …
    pub unit: &'static str,
    /// `ours / reference`.
    pub ratio: Option<f64>,
    /// What it should reach.
    pub aim: Option<Aim>,
    /// Whether it does.
    pub met: Option<bool>,
}

impl Figure {
    /// A value that stands for itself.
    pub fn alone(case: impl Into<String>, unit: &'static str, ours: f64) -> Self {
        Self {
            group: "",
            case: case.into(),
            ours,
            reference: None,
            unit,
            ratio: None,
            aim: None,
            met: None,
        }
    }

    /// Ours beside a reference of the same run.
    pub fn versus(case: impl Into<String>, unit: &'static str, ours: f64, reference: f64) -> Self {
        Self {
            reference: Some(reference),
            ratio: Some(ours / reference),
            ..Self::alone(case, unit, ours)
        }
    }

    /// Sets the aim. A ratio that cannot be formed (no reference, a zero one) is not met.
    pub fn aim(mut self, aim: Aim) -> Self {
        let ratio = self.ratio.unwrap_or(f64::NAN);
        self.met = Some(match aim {
            Aim::RatioAtMost(x) => ratio <= x,
            Aim::RatioAtLeast(x) => ratio >= x && ratio.is_finite(),
            Aim::AtMost(x) => self.ours <= x,
            Aim::AtLeast(x) => self.ours >= x,
        });
        self.aim = Some(aim);
        self
    }
}

/// A value with its unit as people read it: `1.25 µs`, `3.1 MiB`, `1,234 calls/s`.
pub fn human(value: f64, unit: &str) -> String {
    let (value, unit) = match unit {
        "ns" => scale(value, 1000.0, &["ns", "µs", "ms", "s"]),
        "B" => scale(value, 1024.0, &["B", "KiB", "MiB", "GiB"]),
        other => (value, other),
    };
    let digits = match value.abs() {
        x if x >= 100.0 => 0,
        x if x >= 10.0 => 1,
        _ => 2,
    };
    format!("{value:.digits$} {unit}")
}

fn scale<'u>(mut value: f64, step: f64, units: &[&'u str]) -> (f64, &'u str) {
    let mut at = 0;
    while value.abs() >= step && at + 1 < units.len() {
        value /= step;
        at += 1;
    }
    (value, units[at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aims_are_judged_on_the_ratio_or_on_ours() {
        let figure = || Figure::versus("c", "ns", 30.0, 20.0);
        assert_eq!(figure().aim(Aim::RatioAtMost(1.5)).met, Some(true));
        assert_eq!(figure().aim(Aim::RatioAtMost(1.4)).met, Some(false));
        assert_eq!(figure().aim(Aim::RatioAtLeast(1.6)).met, Some(false));
        assert_eq!(figure().aim(Aim::AtMost(30.0)).met, Some(true));
        assert_eq!(figure().aim(Aim::AtLeast(31.0)).met, Some(false));
    }

    #[test]
    fn a_missing_or_zero_reference_never_meets_a_ratio() {
        let alone = Figure::alone("c", "ns", 1.0);
        assert_eq!(alone.aim(Aim::RatioAtMost(9.0)).met, Some(false));
        let zero = Figure::versus("c", "ns", 1.0, 0.0);
        assert_eq!(zero.aim(Aim::RatioAtLeast(1.0)).met, Some(false));
    }

    #[test]
    fn values_are_scaled_for_people() {
        assert_eq!(human(12.34, "ns"), "12.3 ns");
        assert_eq!(human(1_250.0, "ns"), "1.25 µs");
        assert_eq!(human(3.25 * 1024.0 * 1024.0, "B"), "3.25 MiB");
        assert_eq!(human(1234.6, "calls/s"), "1235 calls/s");
    }

    #[test]
    fn the_json_has_the_agreed_fields() {
        let figure = Figure::versus("c", "ns", 4.0, 2.0).aim(Aim::RatioAtMost(2.0));
        let json = serde_json::to_string(&figure).unwrap();
        assert_eq!(
            json,
            r#"{"group":"","case":"c","ours":4.0,"reference":2.0,"unit":"ns","ratio":2.0,"aim":"ratio <= 2","met":true}"#
        );
    }
}
