//! A list of patterns, and one pass over all of them.

use std::fmt;

use fancy_regex::{Regex as FancyRegex, RegexBuilder as FancyBuilder};
use regex_automata::util::syntax;

use crate::emit::emit;
use crate::linear::{Linear, MAX_COMPILED};
use crate::python;
use crate::{PatternError, PatternErrors};

/// A back-tracking pattern may go back this often on one text.
const MAX_BACKTRACKS: usize = 50_000;

/// Longer texts are not given to a back-tracking pattern: each step back may cost a walk
/// over the whole text. In bytes.
const MAX_BACKTRACKED_TEXT: usize = 4096;

/// The answer of a [`PatternSet`] about a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Match {
    /// The pattern with this index matches the whole text.
    Matched(usize),
    /// No pattern matches.
    NoMatch,
    /// No pattern matched, and the one with this index was given up on: it needed more
    /// back-tracking than is allowed.
    GaveUp(usize),
}

/// A list of compiled patterns.
pub struct PatternSet {
    /// All that linear time can decide.
    easy: Option<Linear>,
    /// For each pattern of `easy`, its index in the list.
    easy_indices: Vec<usize>,
    /// What needs back-tracking, each with its index in the list.
    hard: Vec<(usize, FancyRegex)>,
}

impl PatternSet {
    /// Compiles `patterns`.
    ///
    /// # Errors
    /// Every pattern that cannot be used.
    pub fn new<S: AsRef<str>>(
        patterns: impl IntoIterator<Item = S>,
    ) -> Result<Self, PatternErrors> {
        let patterns: Vec<S> = patterns.into_iter().collect();
        let (mut texts, mut easy_indices, mut hard) = (Vec::new(), Vec::new(), Vec::new());
        let mut errors = Vec::new();
        for (index, pattern) in patterns.iter().enumerate() {
            match Engine::of((index, pattern.as_ref())) {
                Ok(Engine::Easy(text)) => {
                    texts.push(text);
                    easy_indices.push(index);
                }
                Ok(Engine::Hard(regex)) => hard.push((index, *regex)),
                Err(error) => errors.push(error),
            }
        }
        PatternErrors::check(errors)?;
        let easy = match texts.is_empty() {
            true => None,
            false => Some(Linear::new(&texts).map_err(|largest| {
                let index = easy_indices[largest];
                let reason = "too large when compiled: use smaller repeat counts";
                let error = PatternError::new((index, patterns[index].as_ref()), reason, None);
                PatternErrors::new(error, Vec::new())
            })?),
        };
        Ok(Self { easy, easy_indices, hard })
    }

    /// Whether a pattern matches the whole of `text`, and which.
    ///
    /// Of several that match, the first one in the list counts, but patterns that need
    /// back-tracking come after all others. Never hangs and never panics.
    pub fn evaluate(&self, text: &str) -> Match {
        if let Some(easy) = &self.easy
            && let Some(found) = easy.first_match(text)
        {
            return Match::Matched(self.easy_indices[found]);
        }
        let mut outcome = Match::NoMatch;
        for (index, regex) in &self.hard {
            let allowed = text.len() <= MAX_BACKTRACKED_TEXT;
            match allowed.then(|| regex.is_match(text)) {
                Some(Ok(true)) => return Match::Matched(*index),
                Some(Ok(false)) => {}
                Some(Err(_)) | None => outcome = Match::GaveUp(*index),
            }
        }
        outcome
    }

    /// The number of patterns.
    pub fn len(&self) -> usize {
        self.easy_indices.len() + self.hard.len()
    }

    /// Whether there is no pattern. Such a set matches nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl fmt::Debug for PatternSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PatternSet").field("len", &self.len()).finish_non_exhaustive()
    }
}

enum Engine {
    /// The pattern in the engine's syntax, known to be good.
    Easy(String),
    Hard(Box<FancyRegex>),
}

impl Engine {
    fn of(pattern: (usize, &str)) -> Result<Self, PatternError> {
        let tree = python::parse(pattern.1)
            .map_err(|refusal| PatternError::new(pattern, refusal.reason, Some(refusal.offset)))?;
        let emitted = emit(&tree);
        let refused = |reason: String| PatternError::new(pattern, reason, None);
        if emitted.hard {
            let regex = FancyBuilder::new(&emitted.text)
                .backtrack_limit(MAX_BACKTRACKS)
                .delegate_size_limit(MAX_COMPILED)
                .build();
            let reason = |error| format!("the back-tracking engine cannot run it: {error}");
            return regex.map(Box::new).map(Self::Hard).map_err(|e| refused(reason(e)));
        }
        match syntax::parse(&emitted.text) {
            Ok(_) => Ok(Self::Easy(emitted.text)),
            Err(error) => Err(refused(format!("the engine cannot run it: {error}"))),
        }
    }
}
