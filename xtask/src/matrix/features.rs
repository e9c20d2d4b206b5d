//! Which combinations of a crate's features there are.

use std::collections::{BTreeMap, BTreeSet};

type Features = BTreeMap<String, Vec<String>>;

/// Beyond this, combinations are too many to build each; a crate should not have so many.
const MOST: usize = 8;

/// Every combination that differs in what is switched on, each as the smallest set of names that
/// gives it, the empty one first. `default` is a set of other features, so it is no feature here.
///
/// # Panics
/// With more than eight features.
pub(crate) fn combinations(features: &Features) -> Vec<BTreeSet<&str>> {
    let names: Vec<&str> =
        features.keys().map(String::as_str).filter(|f| *f != "default").collect();
    assert!(names.len() <= MOST, "{} features are too many to combine", names.len());
    let mut sets: Vec<BTreeSet<&str>> = (0..1usize << names.len())
        .map(|mask| (0..names.len()).filter(|i| mask >> i & 1 == 1).map(|i| names[i]).collect())
        .collect();
    sets.sort_by_key(BTreeSet::len);
    let mut seen = BTreeSet::new();
    sets.retain(|set| seen.insert(implied(features, set)));
    sets
}

/// Everything that this selection switches on, itself included.
pub(crate) fn implied<'f>(
    features: &'f Features,
    selected: &BTreeSet<&'f str>,
) -> BTreeSet<&'f str> {
    let mut on = BTreeSet::new();
    let mut open: Vec<&str> = selected.iter().copied().collect();
    while let Some(name) = open.pop() {
        if let Some((name, implies)) = features.get_key_value(name)
            && on.insert(name.as_str())
        {
            open.extend(implies.iter().map(String::as_str));
        }
    }
    on.remove("default");
    on
}

#[cfg(test)]
mod tests {
    use super::*;

    fn features(table: &[(&str, &[&str])]) -> Features {
        let own = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        table.iter().map(|(name, implies)| (name.to_string(), own(implies))).collect()
    }

    fn named(features: &Features) -> Vec<String> {
        let join = |set: BTreeSet<&str>| set.into_iter().collect::<Vec<_>>().join("+");
        combinations(features).into_iter().map(join).collect()
    }

    #[test]
    fn without_features_there_is_the_empty_combination() {
        assert_eq!(named(&features(&[])), [""]);
        assert_eq!(named(&features(&[("default", &[])])), [""]);
    }

    #[test]
    fn independent_features_combine_freely_and_default_is_not_one() {
        let three = features(&[("a", &[]), ("b", &["dep:x"]), ("c", &[]), ("default", &["a"])]);
        assert_eq!(named(&three), ["", "a", "b", "c", "a+b", "a+c", "b+c", "a+b+c"]);
    }

    #[test]
    fn a_feature_that_implies_another_is_not_combined_with_it() {
        let chain = features(&[("a", &[]), ("b", &["a"]), ("c", &["b", "serde/rc"])]);
        assert_eq!(named(&chain), ["", "a", "b", "c"]);
    }

    #[test]
    fn implied_features_are_followed_to_the_end_even_in_circles() {
        let circle =
            features(&[("a", &["b"]), ("b", &["a", "default"]), ("default", &["c"]), ("c", &[])]);
        let on = implied(&circle, &BTreeSet::from(["a"]));
        assert_eq!(on, BTreeSet::from(["a", "b", "c"]));
    }
}
