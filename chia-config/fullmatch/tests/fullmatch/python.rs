//! Asking the `python3` on the path.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::thread;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fullmatch/ask_python.py");

/// One for each tag; `None` where CPython trips over a bug of its own.
pub(crate) type Answers = Vec<Option<bool>>;

/// CPython's answers to patterns and tags (`None`: it refuses the pattern). `None` if there
/// is no `python3`, or one older than 3.11, whose syntax is smaller; the skip is printed.
pub(crate) fn ask(questions: &[(String, Vec<String>)]) -> Option<Vec<Option<Answers>>> {
    let child =
        Command::new("python3").arg(SCRIPT).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let Ok(mut child) = child else {
        eprintln!("skipped: there is no python3");
        return None;
    };
    let lines: String = questions
        .iter()
        .map(|question| serde_json::to_string(question).expect("strings are JSON") + "\n")
        .collect();
    let mut stdin = child.stdin.take().expect("it is piped");
    let writer = thread::spawn(move || stdin.write_all(lines.as_bytes()));
    let output = child.wait_with_output().expect("python3 ends");
    writer.join().expect("the writer does not panic").expect("python3 reads its input");
    let output = String::from_utf8(output.stdout).expect("the answers are text");
    let mut lines = output.lines();
    let version: (u32, u32) = serde_json::from_str(lines.next()?).expect("a version comes first");
    if version < (3, 11) {
        eprintln!("skipped: python3 is {}.{}, older than 3.11", version.0, version.1);
        return None;
    }
    let answers: Vec<_> = lines.map(|line| serde_json::from_str(line).ok()).collect();
    assert_eq!(answers.len(), questions.len(), "python3 answers every question");
    Some(answers)
}
