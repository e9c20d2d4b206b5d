#![no_main]

use std::sync::Once;

#[path = "../../tests/fuzz_bodies/open_directory.rs"]
mod body;

static QUIET: Once = Once::new();

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    // libFuzzer's hook aborts at once, but the store catches the panics of redb over a damaged index.
    QUIET.call_once(|| std::panic::set_hook(Box::new(|_| {})));
    body::open_directory(bytes);
});
