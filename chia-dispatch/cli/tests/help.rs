//! The help: every command has an example that can be typed, and every shell its completions.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::process::Command;

fn said(args: &[&str]) -> String {
    let out = Command::new(env!("CARGO_BIN_EXE_chia-cache")).args(args).output().unwrap();
    assert!(out.status.success(), "{args:?}");
    String::from_utf8(out.stdout).unwrap()
}

/// The names of all commands.
fn commands() -> Vec<String> {
    let help = said(&["--help"]);
    let listed = help.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let names = listed.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    names.map(|line| line.split_whitespace().next().unwrap().to_owned()).collect()
}

#[test]
fn r34_every_command_has_an_example_that_is_understood() {
    let commands = commands();
    assert!(commands.len() >= 18, "{commands:?}");
    for command in commands.iter().filter(|command| *command != "help") {
        let help = said(&[command, "--help"]);
        let example = help.split("Example: chia-cache ").nth(1);
        let example = example.unwrap_or_else(|| panic!("{command} has no example:\n{help}"));
        // Wrapped lines are one; what follows belongs to the shell.
        let example = example.split_whitespace().collect::<Vec<_>>().join(" ");
        let typed = example.split([';', '>', '&']).next().unwrap().replace('\'', "");
        // On a directory that is no cache an example that is understood fails with 3, and not with 2.
        let dir = tempfile::tempdir().unwrap();
        let out = Command::new(env!("CARGO_BIN_EXE_chia-cache"))
            .args(arguments(&typed))
            .current_dir(dir.path())
            .output()
            .unwrap();
        let code = out.status.code().unwrap();
        let errors = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(matches!(code, 0 | 1 | 3), "`chia-cache {typed}`: {code} {errors}");
    }
}

/// The words of a command line; `2 GB` is one.
fn arguments(line: &str) -> Vec<String> {
    line.replace("2 GB", "2\u{a0}GB")
        .split(' ')
        .filter(|word| !word.is_empty())
        .map(|word| word.replace('\u{a0}', " "))
        .collect()
}

#[test]
fn r34_the_exit_codes_are_in_the_help() {
    let help = said(&["--help"]);
    for code in ["0 done", "1 done", "2 wrong", "3 no such", "4 a living", "5 the disk"] {
        assert!(
            help.split_whitespace().collect::<Vec<_>>().join(" ").contains(code),
            "{code}: {help}"
        );
    }
}

#[test]
fn r34_every_shell_has_completions_of_every_command() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = said(&["completions", shell]);
        for command in commands() {
            assert!(script.contains(&command), "{shell} lacks {command}");
        }
    }
}
