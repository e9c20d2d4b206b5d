//! Random patterns of every construct, and tags of the letters that they are made of.

/// A small generator of numbers; the same run after run.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        // Xorshift64*.
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let n = u64::try_from(n).expect("a small number");
        usize::try_from((self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % n)
            .expect("a small number")
    }

    fn of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len())]
    }
}

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
    let mut random = Random(0x1234_5678_9ABC_DEF1);
    (0..count)
        .map(|_| {
            let mut text = String::from(random.of(&STARTS));
            pattern(&mut random, 3, &mut text);
            let tags = (0..12).map(|_| tag(&mut random)).collect();
            (text, tags)
        })
        .collect()
}

fn pattern(random: &mut Random, depth: usize, out: &mut String) {
    for _ in 0..=random.below(4) {
        if depth > 0 && random.below(4) == 0 {
            out.push_str(random.of(&OPENINGS));
            pattern(random, depth - 1, out);
            out.push(')');
        } else {
            out.push_str(random.of(&ATOMS));
        }
        out.push_str(random.of(&QUANTIFIERS));
        if random.below(6) == 0 {
            out.push('|');
        }
    }
}

fn tag(random: &mut Random) -> String {
    (0..random.below(6)).map(|_| random.of(&LETTERS)).collect()
}
