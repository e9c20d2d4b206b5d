//! Wrong declarations and calls, and what the compiler says about them.

/// Each file under `tests/compile_fail` names its cause. `TRYBUILD=overwrite` writes the messages anew.
///
/// The crate is built once more for this: only the slow matrix does.
#[test]
#[cfg_attr(not(feature = "local"), ignore = "the messages are those of the default features")]
fn wrong_declarations_and_calls_say_why() {
    if std::env::var_os("CHIA_SLOW").is_none() {
        eprintln!("left out: set CHIA_SLOW to build the wrong programs");
        return;
    }
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}
