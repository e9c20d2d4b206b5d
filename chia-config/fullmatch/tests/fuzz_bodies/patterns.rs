//! What must hold for any pattern and any text.

use chia_fullmatch::{Match, PatternSet};

/// The longest input: longer ones only cost time.
const LONGEST: usize = 4096;

/// Takes the first line for a pattern and the rest for a text. Whether the pattern was accepted.
pub(crate) fn patterns(input: &str) -> bool {
    let (pattern, text) = input.split_once('\n').unwrap_or((input, ""));
    if input.len() > LONGEST {
        return false;
    }
    match PatternSet::new([pattern]) {
        Ok(set) => {
            let (found, again) = (set.evaluate(text), set.evaluate(text));
            assert_eq!(found, again);
            assert!(matches!(found, Match::Matched(0) | Match::GaveUp(0) | Match::NoMatch));
            true
        }
        Err(errors) => {
            let error = errors.first();
            assert_eq!((error.index(), error.pattern()), (0, pattern));
            let length = pattern.chars().count();
            assert!(error.offset().is_none_or(|offset| offset <= length), "{error}");
            false
        }
    }
}
