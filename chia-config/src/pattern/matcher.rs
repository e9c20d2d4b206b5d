//! The engines behind a list of patterns.

use fancy_regex::{Regex as FancyRegex, RegexBuilder as FancyBuilder};
use regex_automata::util::syntax;

use super::emit::emit;
use super::linear::Linear;
use super::python;
use super::{PatternError, TagMatch};

/// The compiled size that the patterns of one rule may have together, in bytes.
pub(super) const MAX_COMPILED: usize = 8 << 20;

/// A back-tracking pattern may go back this often on one tag.
const MAX_BACKTRACKS: usize = 50_000;

/// Longer tags are not given to a back-tracking pattern: each step back may cost a walk
/// over the whole tag. In bytes.
const MAX_BACKTRACKED_TAG: usize = 4096;

/// Patterns, split by the engine that they need.
pub(super) struct Matcher {
    /// All that linear time can decide.
    easy: Option<Linear>,
    /// For each pattern of `easy`, its index in the list.
    easy_indices: Vec<usize>,
    /// What needs back-tracking, each with its index in the list.
    hard: Vec<(usize, FancyRegex)>,
}

impl Matcher {
    /// Compiles `patterns`.
    ///
    /// # Errors
    /// Each pattern that cannot be used, with its index.
    pub(super) fn new<'p>(
        patterns: impl Iterator<Item = &'p str> + Clone,
    ) -> Result<Self, Vec<(usize, PatternError)>> {
        let (mut texts, mut easy_indices, mut hard) = (Vec::new(), Vec::new(), Vec::new());
        let mut errors = Vec::new();
        for (index, pattern) in patterns.clone().enumerate() {
            match Engine::of(pattern) {
                Ok(Engine::Easy(text)) => {
                    texts.push(text);
                    easy_indices.push(index);
                }
                Ok(Engine::Hard(regex)) => hard.push((index, *regex)),
                Err(error) => errors.push((index, error)),
            }
        }
        let easy = match (errors.is_empty(), texts.is_empty()) {
            (true, false) => Linear::new(&texts).map(Some),
            _ => Ok(None),
        };
        match easy {
            Ok(easy) if errors.is_empty() => Ok(Self { easy, easy_indices, hard }),
            Ok(_) => Err(errors),
            Err(largest) => {
                let index = easy_indices[largest];
                let pattern = patterns.clone().nth(index).unwrap_or_default();
                let reason = "too large when compiled: use smaller repeat counts";
                Err(vec![(index, PatternError::new(pattern, reason, None))])
            }
        }
    }

    pub(super) fn evaluate(&self, tag: &str) -> TagMatch {
        if let Some(easy) = &self.easy
            && let Some(found) = easy.first_match(tag)
        {
            return TagMatch::Matched(self.easy_indices[found]);
        }
        let mut outcome = TagMatch::NoMatch;
        for (index, regex) in &self.hard {
            let allowed = tag.len() <= MAX_BACKTRACKED_TAG;
            match allowed.then(|| regex.is_match(tag)) {
                Some(Ok(true)) => return TagMatch::Matched(*index),
                Some(Ok(false)) => {}
                Some(Err(_)) | None => outcome = TagMatch::GaveUp(*index),
            }
        }
        outcome
    }
}

enum Engine {
    /// The pattern in the engine's syntax, known to be good.
    Easy(String),
    Hard(Box<FancyRegex>),
}

impl Engine {
    fn of(pattern: &str) -> Result<Self, PatternError> {
        let tree = python::parse(pattern)
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
