//! The names of value files.

use std::fmt::Write as _;

use twox_hash::XxHash3_128;

use crate::meta::{Meta, Place};

/// The most characters of the tag that show in a file's name.
const MAX_SLUG: usize = 40;

/// The name of the entry's file, if it has one: the tag's [`stem`] and the generation. No part of a tag
/// can lead out of the directory.
pub(crate) fn name(tag: &str, meta: &Meta) -> Option<String> {
    let pickle = match &meta.place {
        Place::Inline => return None,
        // The index is not trusted to name anything outside of the directory.
        Place::Found { name, .. } => return is_plain(name).then(|| name.clone()),
        Place::File { pickle, .. } => pickle,
    };
    let extension = if *pickle { "pkl" } else { "val" };
    Some(format!("{}-{:x}.{extension}", stem(tag), meta.generation))
}

/// What can be read of the tag, and a digest of all of it.
pub(crate) fn stem(tag: &str) -> String {
    let mut stem: String = tag.chars().take(MAX_SLUG).map(slug).collect();
    let digest = XxHash3_128::oneshot(tag.as_bytes());
    write!(stem, "-{digest:032x}").expect("writing to a string cannot fail");
    stem
}

fn slug(c: char) -> char {
    if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' }
}

fn is_plain(name: &str) -> bool {
    !name.is_empty() && name != "." && name != ".." && !name.contains(['/', '\0'])
}

/// The generation in a name that [`name`] made.
pub(crate) fn generation(name: &str) -> Option<u64> {
    let stem = name.strip_suffix(".val").or_else(|| name.strip_suffix(".pkl"))?;
    let mut parts = stem.rsplit('-');
    let generation = u64::from_str_radix(parts.next()?, 16).ok()?;
    let digest = parts.next()?;
    (digest.len() == 32 && digest.bytes().all(|b| b.is_ascii_hexdigit())).then_some(generation)
}

/// Whether the name is one that the Python original looks at.
pub(crate) fn is_pickle(name: &str) -> bool {
    name.ends_with(".pkl")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::meta::Cut;
    use crate::{Codec, NewEntry, Origin};

    #[test]
    fn names_stay_in_the_directory_and_tell_tags_apart() {
        let entry = NewEntry::new(Origin::Real).codec(Codec::Raw);
        let place = Place::File { synced: true, pickle: false, cut: Cut::whole(0) };
        let meta = Meta::new(&entry, 27, 0, [0; 16], place);
        let mut seen = std::collections::HashSet::new();
        for tag in ["", ".", "..", "../../etc/passwd", "a/b", "a-b", "\0", "ü", &"x".repeat(5000)]
        {
            let name = name(tag, &meta).unwrap();
            assert!(is_plain(&name) && name.len() < 128 && name.is_ascii(), "{name}");
            assert_eq!(generation(&name), Some(27));
            assert!(seen.insert(name));
        }
        let found = Place::Found { name: "../x.pkl".into(), cut: Cut::whole(0), stamp: None };
        assert_eq!(super::name("a", &Meta::new(&entry, 27, 0, [0; 16], found)), None);
    }
}
