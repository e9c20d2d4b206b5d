//! Random patterns of every construct, and tags of the letters that they are made of.

use fastrand::Rng;

const LETTERS: [&str; 12] = ["a", "b", "a", "b", "A", "\n", "_", "1", "é", "É", " ", "-"];

const ATOMS: [&str; 44] = [
    "a", "b", "a", "b", "ab", "A", "1", "_", "é", " ", "#", "-", ".", ".", r"\d", r"\w", r"\s",
    r"\D", r"\W", r"\S", "[ab]", "[^a]", "[a-c_]", r"[\w-]", "[^\\s1]", "[]a]", "$", "^", r"\Z",
    r"\A", r"\b", r"\B", r"\1", r"\2", r"\n", r"\x61", r"\141", r"\.", "\n", "{", "}", "(?P=n)",
    "(?#c)", "]",
];

const QUANTIFIERS: [&str; 22] = [
    "", "", "", "", "", "", "", "*", "+", "?", "*?", "+?", "??", "*+", "++", "?+", "{2}", "{1,2}",
    "{,2}", "{1,}", "{0,1}?", "{1,2}+",
];

const OPENINGS: [&str; 18] = [
    "(", "(", "(?:", "(?:", "(?:", "(?P<n>", "(?=", "(?!", "(?<=", "(?<!", "(?>", "(?i:", "(?s:",
    "(?x:", "(?m:", "(?a:", "(?-i:", "(?(1)",
];

const STARTS: [&str; 12] =
    ["", "", "", "", "", "", "(?i)", "(?s)", "(?m)", "(?x)", "(?a)", "(?ai)"];

/// Patterns, each with tags to try.
pub(crate) fn questions(count: usize) -> Vec<(String, Vec<String>)> {
    let mut random = Rng::with_seed(4);
    (0..count)
        .map(|_| {
            let mut text = String::from(of(&mut random, &STARTS));
            pattern(&mut random, 3, &mut text);
            let tags = (0..12).map(|_| tag(&mut random)).collect();
            (text, tags)
        })
        .collect()
}

fn pattern(random: &mut Rng, depth: usize, out: &mut String) {
    for _ in 0..=random.usize(..4) {
        if depth > 0 && random.usize(..4) == 0 {
            out.push_str(of(random, &OPENINGS));
            pattern(random, depth - 1, out);
            out.push(')');
        } else {
            out.push_str(of(random, &ATOMS));
        }
        out.push_str(of(random, &QUANTIFIERS));
        if random.usize(..6) == 0 {
            out.push('|');
        }
    }
}

fn tag(random: &mut Rng) -> String {
    (0..random.usize(..6)).map(|_| of(random, &LETTERS)).collect()
}

fn of<'a>(random: &mut Rng, choices: &[&'a str]) -> &'a str {
    choices[random.usize(..choices.len())]
}
