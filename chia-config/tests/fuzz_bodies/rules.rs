//! What must hold for any text that is taken for a rules file.

use chia_config::Config;

const TAGS: [&str; 6] =
    ["", "iter0_call1", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!", "a\nb", "日本語", "\0"];

/// Loads `text`, and uses what comes out in every way. Whether it was accepted.
pub(crate) fn rules(text: &str) -> bool {
    let config = match Config::parse(text, "fuzz.yaml", "/base") {
        Ok(config) => config,
        Err(error) => {
            assert!(!error.diagnostics().is_empty());
            assert!(!error.to_string().is_empty());
            return false;
        }
    };
    for warning in config.warnings().iter().chain(&config.check_names(["simulate"])) {
        assert!(!warning.to_string().is_empty());
    }
    let tags = config.bypass_rules().filter_map(|(_, rule)| rule.tags());
    for tags in tags.chain(config.cache_rules().filter_map(|(_, rule)| rule.tags())) {
        for tag in TAGS {
            tags.evaluate(Some(tag));
        }
    }
    let sent = serde_json::to_string(&config).expect("rules of text are text");
    let received: Config = serde_json::from_str(&sent).expect("what was sent can be read");
    assert_eq!(received.fingerprint(), config.fingerprint());
    true
}
