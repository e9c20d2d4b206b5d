#![no_main]

#[path = "../../tests/fuzz_bodies/pickle_head.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    body::pickle_head(bytes);
});
