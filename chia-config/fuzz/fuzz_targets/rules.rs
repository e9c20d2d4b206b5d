//! Any text as a rules file: see the body.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/fuzz_bodies/rules.rs"]
mod body;

fuzz_target!(|text: &str| {
    body::rules(text);
});
