//! Any pattern on any text: see the body.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/fuzz_bodies/patterns.rs"]
mod body;

fuzz_target!(|input: &str| {
    body::patterns(input);
});
