//! Patterns that one automaton decides together, in time linear in the text.

use regex_automata::dfa::{Automaton as _, StartKind, dense};
use regex_automata::meta::Regex;
use regex_automata::nfa::thompson;
use regex_automata::{Anchored, Input, PatternID};

/// The compiled size that the patterns of one set may have together, in bytes.
pub(crate) const MAX_COMPILED: usize = 8 << 20;

/// Tables up to this size, in bytes, are built in advance: they need no scratch space, which halves
/// the time of a match. Patterns with large Unicode sets do not fit.
const MAX_TABLE: usize = 64 << 10;

/// Anchored at both ends, and earlier patterns take precedence: so one pass gives the first
/// pattern that matches the whole text.
pub(crate) enum Linear {
    Table(Box<dense::DFA<Vec<u32>>>),
    Lazy(Box<Regex>),
}

impl Linear {
    /// Compiles patterns in the engine's syntax.
    ///
    /// # Errors
    /// The index of one that is too large.
    pub(crate) fn new(texts: &[String]) -> Result<Self, usize> {
        if let Some(table) = table(texts) {
            return Ok(Self::Table(Box::new(table)));
        }
        let too_large = |text| lazy(std::slice::from_ref(text)).is_none();
        match lazy(texts) {
            Some(regex) => Ok(Self::Lazy(Box::new(regex))),
            None => Err(texts.iter().position(too_large).unwrap_or(0)),
        }
    }

    /// The index of the first pattern that matches all of `text`.
    pub(crate) fn first_match(&self, text: &str) -> Option<usize> {
        let input = Input::new(text).anchored(Anchored::Yes);
        let found = match self {
            Self::Table(table) => walk(table, &input),
            Self::Lazy(regex) => regex.search_half(&input).map(|found| found.pattern()),
        };
        found.map(|pattern| pattern.as_usize())
    }
}

/// A plain walk: a match can only be at the end, so there is none to look for on the way.
fn walk(table: &dense::DFA<Vec<u32>>, input: &Input<'_>) -> Option<PatternID> {
    // An anchored start is what the table was built for, so there is no error.
    let mut state = table.start_state_forward(input).ok()?;
    for &byte in input.haystack() {
        state = table.next_state(state, byte);
        if table.is_dead_state(state) {
            return None;
        }
    }
    state = table.next_eoi_state(state);
    // The first pattern of a state is the one that takes precedence.
    table.is_match_state(state).then(|| table.match_pattern(state, 0))
}

fn table(texts: &[String]) -> Option<dense::DFA<Vec<u32>>> {
    let config = dense::Config::new()
        .start_kind(StartKind::Anchored)
        .dfa_size_limit(Some(MAX_TABLE))
        .determinize_size_limit(Some(MAX_TABLE));
    let nfa = thompson::Config::new().nfa_size_limit(Some(MAX_TABLE));
    dense::Builder::new().configure(config).thompson(nfa).build_many(texts).ok()
}

fn lazy(texts: &[String]) -> Option<Regex> {
    let config = Regex::config().nfa_size_limit(Some(MAX_COMPILED));
    Regex::builder().configure(config).build_many(texts).ok()
}
