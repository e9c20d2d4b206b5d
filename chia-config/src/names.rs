//! "Did you mean": the nearest of some names.

/// The candidate nearest to `name`, if it is near enough to be what was meant.
pub(crate) fn nearest<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    // One slip in three letters; a short name still gets one.
    let allowed = (name.chars().count() / 3).max(1);
    let folded = name.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| {
            (strsim::damerau_levenshtein(&folded, &candidate.to_lowercase()), candidate)
        })
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// The name by which rules know a method: `method` for `Type.method`, and `None` for a
/// name without a dot.
#[inline]
pub fn bare_name(function: &str) -> Option<&str> {
    // Asked on every call, of short names: a plain loop beats the search of `rsplit_once` twofold.
    let dot = function.bytes().rposition(|byte| byte == b'.')?;
    function.get(dot + 1..)
}
