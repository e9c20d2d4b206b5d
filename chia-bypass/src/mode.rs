//! How a run treats the rules as a whole.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How a run treats the rules as a whole.
///
/// ```
/// use chia_bypass::Mode;
///
/// assert_eq!("record".parse(), Ok(Mode::Record));
/// let error = "recrod".parse::<Mode>().expect_err("no such mode");
/// assert!(error.to_string().contains("`auto`, `off`, `record`, `replay`, `refresh`"));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// The rules decide.
    #[default]
    Auto,
    /// Every call runs, and no result is written.
    Off,
    /// Every call runs, and the results of tagged calls that a rule selects are written.
    Record,
    /// A call that the rules select and that cannot be replaced fails.
    Replay,
    /// Calls that would be replayed from the cache run again, and their results are written.
    Refresh,
}

impl Mode {
    /// Every mode.
    pub const ALL: [Self; 5] = [Self::Auto, Self::Off, Self::Record, Self::Replay, Self::Refresh];

    /// The mode's name: `auto`, `off`, `record`, `replay` or `refresh`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Off => "off",
            Self::Record => "record",
            Self::Replay => "replay",
            Self::Refresh => "refresh",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Mode {
    type Err = UnknownMode;

    /// Reads a mode's name, in any case.
    fn from_str(text: &str) -> Result<Self, UnknownMode> {
        let named = |mode: &Self| mode.name().eq_ignore_ascii_case(text.trim());
        Self::ALL.into_iter().find(named).ok_or_else(|| UnknownMode(text.to_owned()))
    }
}

/// A text that names no [`Mode`]. `Display` lists the modes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownMode(String);

impl fmt::Display for UnknownMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let modes = Mode::ALL.map(|mode| format!("`{mode}`")).join(", ");
        write!(f, "there is no mode `{}`: the modes are {modes}", self.0.escape_debug())
    }
}

impl std::error::Error for UnknownMode {}
