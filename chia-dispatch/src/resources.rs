//! Named amounts: what a task demands and what a node has.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};

/// An amount of one resource, exact to 1/10,000 (the granularity Ray schedules with).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Amount(u64);

impl Amount {
    const ONE: f64 = 10_000.0;

    /// An amount from a number. A positive number never rounds down to zero, and one beyond the
    /// range (1.8e15) becomes its end.
    ///
    /// # Errors
    /// [`Config`](ErrorKind::Config) for a number that is negative, infinite or none at all.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked first; float casts saturate"
    )]
    pub fn new(amount: f64) -> Result<Self> {
        if !amount.is_finite() || amount < 0.0 {
            let text = format!("{amount} is no amount: it must be zero or more, and finite");
            return Err(Error::new(ErrorKind::Config, text));
        }
        let least = if amount > 0.0 { 1.0 } else { 0.0 };
        Ok(Self((amount * Self::ONE).round().max(least) as u64))
    }

    /// The amount as a number.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "amounts are far below 2^53")]
    pub fn get(self) -> f64 {
        self.0 as f64 / Self::ONE
    }

    /// The amount in 1/10,000.
    #[must_use]
    pub fn units(self) -> u64 {
        self.0
    }

    /// Whether there is nothing of it.
    #[must_use]
    pub fn is_zero(self) -> bool {
        self.0 == 0
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.get())
    }
}

/// The name of the processor resource.
pub const CPU: &str = "cpu";
/// The name of the accelerator resource.
pub const GPU: &str = "gpu";
/// The name of the memory resource, in bytes.
pub const MEMORY: &str = "memory";

/// A set of named amounts: `cpu`, `gpu`, `memory` (bytes) and any custom name; fractions allowed.
///
/// `CPU` and `GPU` are taken as `cpu` and `gpu`; other names are kept as they are. A name with
/// amount zero is not in the set.
///
/// Sets made from numbers ([`from`](Self::from), [`with`](Self::with), `collect`) panic for numbers
/// that are no amounts, as literals in a program should; [`try_with`](Self::try_with) returns an
/// error instead.
///
/// ```
/// use chia_dispatch::Resources;
/// let node = Resources::from([("cpu", 8.0), ("adder", 2.0)]);
/// let task = Resources::from([("cpu", 1.0), ("adder", 0.5)]);
/// assert!(node.covers(&task));
/// assert_eq!(node.minus(&task).get("adder"), 1.5);
/// assert_eq!(task.shortfall(&Resources::from([("cpu", 4.0)])).to_string(), "adder 0.5");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Resources(Vec<(Cow<'static, str>, Amount)>);

impl Resources {
    /// An empty set.
    #[must_use]
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    /// The same set with the amount of one resource replaced.
    ///
    /// # Panics
    /// When the number is negative or not finite.
    #[must_use]
    #[track_caller]
    pub fn with(self, name: impl Into<Cow<'static, str>>, amount: f64) -> Self {
        self.try_with(name, amount).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The same set with the amount of one resource replaced, for numbers that a program was given.
    ///
    /// # Errors
    /// [`Config`](ErrorKind::Config) when the number is negative or not finite, with the name of the
    /// resource.
    pub fn try_with(mut self, name: impl Into<Cow<'static, str>>, amount: f64) -> Result<Self> {
        let name = name.into();
        let amount = Amount::new(amount).map_err(|error| {
            Error::new(ErrorKind::Config, format!("resource `{name}`: {}", error.message()))
        })?;
        self.set(name, amount);
        Ok(self)
    }

    /// Replaces the amount of one resource.
    pub fn set(&mut self, name: impl Into<Cow<'static, str>>, amount: Amount) {
        let name = canonical(name.into());
        match self.0.binary_search_by(|(known, _)| known.cmp(&name)) {
            Ok(at) if amount.is_zero() => drop(self.0.remove(at)),
            Ok(at) => self.0[at].1 = amount,
            Err(_) if amount.is_zero() => {}
            Err(at) => self.0.insert(at, (name, amount)),
        }
    }

    /// How much of a resource there is; zero when it is not in the set.
    #[must_use]
    pub fn get(&self, name: &str) -> f64 {
        self.amount(name).get()
    }

    /// The exact amount of a resource; zero when it is not in the set.
    #[must_use]
    pub fn amount(&self, name: &str) -> Amount {
        self.0
            .binary_search_by(|(known, _)| known.as_ref().cmp(name))
            .map_or(Amount::default(), |at| self.0[at].1)
    }

    /// Whether nothing is in the set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Names and amounts, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Amount)> {
        self.0.iter().map(|(name, amount)| (name.as_ref(), *amount))
    }

    /// Whether every amount of `demand` is here.
    #[must_use]
    pub fn covers(&self, demand: &Self) -> bool {
        demand.0.iter().all(|(name, amount)| self.amount(name) >= *amount)
    }

    /// What is left when `other` is taken away; never below zero.
    #[must_use]
    pub fn minus(&self, other: &Self) -> Self {
        let left = |(name, amount): &(Cow<'static, str>, Amount)| {
            let left = Amount(amount.0.saturating_sub(other.amount(name).0));
            (!left.is_zero()).then(|| (name.clone(), left))
        };
        Self(self.0.iter().filter_map(left).collect())
    }

    /// Both sets together.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        let mut sum = self.clone();
        for (name, amount) in &other.0 {
            let total = Amount(sum.amount(name).0.saturating_add(amount.0));
            sum.set(name.clone(), total);
        }
        sum
    }

    /// What this demand lacks on a node that has `capacity`.
    #[must_use]
    pub fn shortfall(&self, capacity: &Self) -> Self {
        self.minus(capacity)
    }

    /// The set without one resource.
    #[must_use]
    pub fn without(&self, name: &str) -> Self {
        Self(self.0.iter().filter(|(known, _)| known != name).cloned().collect())
    }
}

fn canonical(name: Cow<'static, str>) -> Cow<'static, str> {
    match name.as_ref() {
        "CPU" => Cow::Borrowed(CPU),
        "GPU" => Cow::Borrowed(GPU),
        _ => name,
    }
}

/// Panics as [`with`](Resources::with).
impl<N: Into<Cow<'static, str>>, const LEN: usize> From<[(N, f64); LEN]> for Resources {
    #[track_caller]
    fn from(amounts: [(N, f64); LEN]) -> Self {
        amounts.into_iter().collect()
    }
}

/// Panics as [`with`](Resources::with).
impl<N: Into<Cow<'static, str>>> FromIterator<(N, f64)> for Resources {
    #[track_caller]
    fn from_iter<I: IntoIterator<Item = (N, f64)>>(amounts: I) -> Self {
        let mut set = Self::none();
        for (name, amount) in amounts {
            set = set.with(name, amount);
        }
        set
    }
}

impl fmt::Display for Resources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("nothing");
        }
        for (index, (name, amount)) in self.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{name} {amount}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r22_fractions_add_up_exactly() {
        let tenth = Resources::from([("adder", 0.1)]);
        let sum = (0..10).fold(Resources::none(), |sum, _| sum.plus(&tenth));
        assert_eq!(sum, Resources::from([("adder", 1.0)]));
        assert!(sum.minus(&Resources::from([("adder", 1.0)])).is_empty());
    }

    #[test]
    fn r22_a_tiny_amount_is_not_nothing() {
        assert!(!Amount::new(1e-9).expect("positive").is_zero());
        assert!(Amount::new(0.0).expect("zero").is_zero());
        assert_eq!(Amount::new(1e300).expect("finite"), Amount(u64::MAX));
    }

    #[test]
    fn r22_what_is_no_amount_is_refused() {
        for amount in [-1.0, -1e-9, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let error = Resources::none().try_with("adder", amount).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config);
            let text = format!("resource `adder`: {amount} is no amount");
            assert!(error.message().starts_with(&text), "{error}");
            let panics = std::panic::catch_unwind(|| Resources::from([("adder", amount)]));
            assert!(panics.is_err(), "{amount}");
        }
    }

    #[test]
    fn names_of_ray_are_taken_as_ours() {
        assert_eq!(Resources::from([("CPU", 2.0)]).get("cpu"), 2.0);
    }
}
