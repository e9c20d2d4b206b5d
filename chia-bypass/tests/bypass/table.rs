//! R5 as a table: every combination of what the gates can say.

use std::sync::Arc;

use chia_bypass::{Bypass, Decision, Gate, With};
use chia_config::{BypassRule, Config};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Rule {
    Unlisted,
    Off,
    On,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Tags {
    Unset,
    None,
    Matching,
    Other,
}

#[derive(Clone, Copy, Debug)]
struct Case {
    rule: Rule,
    provider: bool,
    data: bool,
    tags: Tags,
    tagged: bool,
    /// What the condition answers, if there is one.
    condition: Option<bool>,
}

fn cases() -> Vec<Case> {
    let (mut cases, flags) = (Vec::new(), [false, true]);
    for rule in [Rule::Unlisted, Rule::Off, Rule::On] {
        for tags in [Tags::Unset, Tags::None, Tags::Matching, Tags::Other] {
            for condition in [None, Some(false), Some(true)] {
                for bits in 0..8 {
                    let [provider, data, tagged] = [0, 1, 2].map(|bit| flags[bits >> bit & 1]);
                    cases.push(Case { rule, provider, data, tags, tagged, condition });
                }
            }
        }
    }
    cases
}

/// The rule as the words of R5 have it.
fn expected(case: Case) -> Gate {
    if case.rule == Rule::Unlisted {
        return Gate::NotListed;
    }
    if case.rule == Rule::Off {
        return Gate::Off;
    }
    if !case.provider && !case.data {
        return Gate::NoReplacement;
    }
    if case.tags != Tags::Unset {
        if !case.tagged {
            return Gate::TagMissing;
        }
        if case.tags != Tags::Matching {
            return Gate::TagNoMatch;
        }
    }
    match (case.condition, case.provider) {
        (Some(false), _) => Gate::ConditionFalse,
        (_, true) => Gate::Provider,
        (_, false) => Gate::Data,
    }
}

fn build(case: Case) -> Bypass<&'static str, bool> {
    let mut rule = if case.rule == Rule::On { BypassRule::on() } else { BypassRule::off() };
    let patterns: Option<&[&str]> = match case.tags {
        Tags::Unset => None,
        Tags::None => Some(&[]),
        Tags::Matching => Some(&["x", "it.r"]),
        Tags::Other => Some(&["x", "ite"]),
    };
    if let Some(patterns) = patterns {
        rule = rule.with_tags(patterns).expect("they are patterns");
    }
    if case.data {
        rule = rule.with_data("/data");
    }
    let config = match case.rule {
        Rule::Unlisted => Config::builder().bypass("other", rule),
        _ => Config::builder().bypass("f", rule),
    };
    let mut bypass = Bypass::new(Arc::new(config.build()));
    if case.provider {
        bypass.set_provider("f", "provider");
    }
    if let Some(answer) = case.condition {
        bypass.set_condition("f", answer);
    }
    bypass
}

#[test]
fn r05_every_combination_of_gates_is_decided_by_the_rule() {
    for case in cases() {
        let bypass = build(case);
        let tag = case.tagged.then_some("iter");
        let decision = match bypass.decide("f", tag) {
            Decision::Ask(pending) => {
                assert_eq!(pending.reason().gate(), Gate::WouldAskCondition, "{case:?}");
                assert_eq!(pending.data().is_some(), case.data, "{case:?}");
                let answer = *pending.condition();
                pending.resolve(answer)
            }
            decided => {
                let asks = case.condition.is_some()
                    && matches!(expected(case), Gate::Provider | Gate::Data | Gate::ConditionFalse);
                assert!(!asks, "{case:?} must ask the condition");
                decided
            }
        };
        let (reason, gate) = (decision.reason(), expected(case));
        assert_eq!(reason.gate(), gate, "{case:?}");
        assert_eq!(reason.rule().is_some(), case.rule != Rule::Unlisted, "{case:?}");
        let passed = case.tags == Tags::Matching
            && matches!(gate, Gate::Provider | Gate::Data | Gate::ConditionFalse);
        let pattern = reason.pattern().map(chia_config::Pattern::text);
        assert_eq!(pattern, passed.then_some("it.r"), "{case:?}");
        match &decision {
            Decision::Replace(replacement) => match replacement.with() {
                With::Provider(provider, data) => {
                    assert_eq!((*provider, data.is_some()), ("provider", case.data), "{case:?}");
                    assert_eq!(gate, Gate::Provider);
                }
                With::Rehearsal(_) => panic!("{case:?} has no rehearsal"),
                With::Data(path) => {
                    assert_eq!(path.to_str(), Some("/data"));
                    assert_eq!(gate, Gate::Data);
                }
            },
            Decision::Run(_) => assert!(!matches!(gate, Gate::Provider | Gate::Data), "{case:?}"),
            Decision::Ask(_) => panic!("{case:?} was asked twice"),
            Decision::Fail(_) => panic!("{case:?} fails without a mode that says so"),
        }
    }
}
