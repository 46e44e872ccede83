//! What rules cover, and what is decided.

use proptest::prelude::*;

use super::super::{Action, Baseline, Decision, Facts, Index, MEMORY, PRIVATE, parse};
use super::strategy;

/// Tries every rule.
fn slowly(baseline: &Baseline, facts: &Facts<'_>) -> Option<Action> {
    let covering = baseline.entries.iter().filter(|(rule, _)| rule.covers(facts));
    let covering = covering.filter(|(_, entry)| entry.action != Action::Tried);
    covering.map(|(_, entry)| entry.action).max()
}

proptest! {
    #[test]
    fn the_index_finds_what_trying_every_rule_finds(baseline in strategy::baseline(), flows in prop::collection::vec(strategy::facts(), 1..30)) {
        let index = Index::of(&baseline);
        for facts in &flows {
            let decided = match index.decide(facts) {
                Decision::Allow(rule) => {
                    prop_assert!(rule.covers(facts));
                    Some(Action::Allow)
                }
                Decision::Deny(rule) => {
                    prop_assert!(rule.covers(facts));
                    Some(Action::Deny)
                }
                Decision::Unknown => None,
            };
            prop_assert_eq!(decided, slowly(&baseline, facts));
        }
    }

    #[test]
    fn what_is_decided_without_a_name_is_so_for_every_name(baseline in strategy::baseline(), facts in strategy::facts(), names in prop::collection::vec(strategy::facts(), 1..10)) {
        let index = Index::of(&baseline);
        let decided = action(index.decide_without_name(&facts));
        for name in names.into_iter().map(|other| other.name).chain([None]) {
            let named = action(index.decide(&Facts { name, ..facts.clone() }));
            prop_assert!(decided.is_none() || decided == named, "{:?} for {:?}, {:?} without a name", named, name, decided);
        }
    }
}

fn action(decision: Decision<'_>) -> Option<Action> {
    match decision {
        Decision::Allow(_) => Some(Action::Allow),
        Decision::Deny(_) => Some(Action::Deny),
        Decision::Unknown => None,
    }
}

fn decide(rules: &str, facts: &Facts<'_>) -> Option<Action> {
    let baseline = parse(&format!("format 1\n{rules}")).unwrap();
    action(Index::of(&baseline).decide(facts))
}

fn curl() -> Facts<'static> {
    Facts {
        executable: Some("/usr/bin/curl"),
        user: Some("alice".into()),
        transport: Some("tcp"),
        name: Some("www.example.org"),
        address: "192.0.2.7".parse().ok(),
        port: Some(443),
        ..Facts::default()
    }
}

#[test]
fn a_suffix_covers_names_below_it_only() {
    let rule = "allow exe=/usr/bin/curl -> tcp *.example.org 443\n";
    assert_eq!(decide(rule, &curl()), Some(Action::Allow));
    for name in ["example.org", "badexample.org", ".example.org", "example.org.evil.test"] {
        assert_eq!(decide(rule, &Facts { name: Some(name), ..curl() }), None, "{name}");
    }
}

#[test]
fn another_program_is_not_the_learned_one() {
    let rule = "allow exe=/usr/bin/curl user=alice -> tcp www.example.org 443\n";
    assert_eq!(decide(rule, &curl()), Some(Action::Allow));
    assert_eq!(decide(rule, &Facts { executable: Some("/tmp/curl"), ..curl() }), None);
    assert_eq!(decide(rule, &Facts { executable: None, ..curl() }), None);
    assert_eq!(decide(rule, &Facts { user: None, ..curl() }), None);
    assert_eq!(decide(rule, &Facts { port: Some(80), ..curl() }), None);
    assert_eq!(decide(rule, &Facts { name: None, ..curl() }), None);
}

#[test]
fn what_is_denied_is_denied_whatever_is_allowed() {
    let rules = "allow exe=/usr/bin/curl -> tcp www.example.org 443\ndeny * -> * 192.0.2.0/24 *\n";
    assert_eq!(decide(rules, &curl()), Some(Action::Deny));
}

#[test]
fn a_path_of_the_host_covers_files_of_the_host_alone() {
    let rule = "allow exe=/usr/bin/curl -> tcp www.example.org 443\n";
    assert_eq!(decide(rule, &curl()), Some(Action::Allow));
    for file in [PRIVATE, MEMORY] {
        let disguised = Facts { file: Some(file), ..curl() };
        assert_eq!(decide(rule, &disguised), None, "{file}");
        let named = format!("allow exe=/usr/bin/curl file={file} -> tcp www.example.org 443\n");
        assert_eq!([decide(&named, &disguised), decide(&named, &curl())], [Some(Action::Allow), None]);
        let any = "allow exe=/usr/bin/curl file=* -> tcp www.example.org 443\n";
        assert_eq!([decide(any, &disguised), decide(any, &curl())], [Some(Action::Allow); 2]);
        assert_eq!(decide("deny user=alice -> * * *\n", &disguised), Some(Action::Deny), "no path is asked for");
    }
    let contained = Facts { file: Some(PRIVATE), container: Some("c1"), ..curl() };
    assert_eq!(decide("allow exe=/usr/bin/curl container=c1 -> * * *\n", &contained), Some(Action::Allow));
}

#[test]
fn a_pattern_is_found_wherever_it_varies() {
    for pattern in ["/usr/*/curl", "/usr/bin/*", "/*/bin/curl", "/usr/bin/cur?", "/usr/*/*"] {
        let rules = format!("allow exe={pattern} -> tcp www.example.org 443\n");
        assert_eq!(decide(&rules, &curl()), Some(Action::Allow), "{pattern}");
        assert_eq!(decide(&rules, &Facts { executable: Some("/opt/x/y/z"), ..curl() }), None, "{pattern}");
    }
    let quoted = "allow exe=\"/usr/*/curl\" -> tcp www.example.org 443\n";
    assert_eq!(decide(quoted, &curl()), None);
    assert_eq!(decide(quoted, &Facts { executable: Some("/usr/*/curl"), ..curl() }), Some(Action::Allow));
}
